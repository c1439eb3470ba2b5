#pragma once

#include <string>
#include <vector>

#include "ngx/conf.hpp"

// Upstream servers whose addresses are looked up while nginx runs: it starts
// without DNS, follows what DNS says, and keeps the last good set when DNS
// does not answer. Each worker looks up for itself, so nothing is shared.
namespace llm::ngx {

struct DynamicHost {
    DynamicUpstream* upstream = nullptr;
    std::string name;  // to be resolved, without port
    in_port_t port = 0;
    ngx_uint_t server = 0;     // its placeholder among the block's servers
    ngx_msec_t valid = 30000;  // time between two look-ups
    bool ipv6 = true;

    // The worker's own.
    ngx_event_t timer = {};
    ngx_resolver_ctx_t* query = nullptr;
    bool only_ipv4 = false;   // the running query is the second try
    ngx_uint_t failures = 0;  // in a row
    std::vector<ngx_addr_t> addresses;
    std::string storage;  // bytes behind `addresses`
};

// Peers built from one set of addresses; lives until no request uses it.
struct AddressSet {
    ngx_pool_t* pool;
    ngx_http_upstream_rr_peers_t* peers;
    ngx_uint_t users;
};

// Somebody who waits for the first addresses.
struct AddressWaiter {
    ngx_queue_t queue = {};
    void (*wake)(void* owner) = nullptr;
    void* owner = nullptr;
    bool waiting = false;
};

struct DynamicUpstream {
    ngx_http_upstream_srv_conf_t* upstream = nullptr;
    bool implicit = false;  // made for a host in `pass`, not by llm_server
    std::vector<DynamicHost*> hosts;
    ngx_http_upstream_init_peer_pt init_peer = nullptr;  // the balancer's own
    ngx_resolver_t* resolver = nullptr;
    ngx_resolver_t* resolver_ipv4 = nullptr;
    AddressSet* current = nullptr;
    ngx_queue_t waiters = {};
};

// Configuration.

// For `pass http[s]://host`: a host name becomes a dynamic server unless an
// upstream block of that name is there (or comes later).
ngx_int_t resolve_if_host(ngx_conf_t* cf, MainConf& conf, ngx_http_upstream_srv_conf_t& upstream, const ngx_url_t& url);

// Gives every dynamic upstream its resolver and takes over its peers.
ngx_int_t finish_dynamic(ngx_conf_t* cf, MainConf& conf);

// In a worker.

void start_resolving(MainConf& conf);
void stop_resolving(MainConf& conf);

// The upstream's entry when it is dynamic, else null.
DynamicUpstream* dynamic_upstream(const MainConf& conf, const ngx_http_upstream_srv_conf_t* upstream) noexcept;

// True when `waiter` was put in line: no address is known yet, but a look-up
// is under way. It is woken once, whatever the outcome.
bool wait_for_address(DynamicUpstream& d, AddressWaiter& waiter);
void stop_waiting(AddressWaiter& waiter) noexcept;

ngx_int_t init_dynamic_peer(ngx_http_request_t* r, ngx_http_upstream_srv_conf_t* upstream);

}  // namespace llm::ngx
