// Looking up upstream servers in a worker.
#include "ngx/resolve.hpp"

#include <algorithm>

namespace llm::ngx {

namespace {

constexpr ngx_msec_t kQueryTimeout = 5000;
constexpr ngx_msec_t kFirstRetry = 1000;

void start_query(DynamicHost& host, bool only_ipv4);

void schedule(DynamicHost& host, ngx_msec_t delay)
{
    if (!ngx_exiting && !ngx_terminate) ngx_add_timer(&host.timer, delay);
}

bool is_asking(const DynamicUpstream& d) noexcept
{
    return std::any_of(d.hosts.begin(), d.hosts.end(), [](const DynamicHost* h) { return h->query != nullptr; });
}

// Whether a server with a literal address can take requests until then.
bool has_others(const DynamicUpstream& d) noexcept
{
    auto* servers = static_cast<ngx_http_upstream_server_t*>(d.upstream->servers->elts);
    // The placeholders are down.
    return std::any_of(servers, servers + d.upstream->servers->nelts,
                       [](const ngx_http_upstream_server_t& s) { return !s.down && !s.backup; });
}

void wake_all(DynamicUpstream& d)
{
    // Another one of its names may still be found.
    if (!d.current && is_asking(d)) return;
    while (!ngx_queue_empty(&d.waiters)) {
        auto* waiter = ngx_queue_data(ngx_queue_head(&d.waiters), AddressWaiter, queue);
        stop_waiting(*waiter);
        waiter->wake(waiter->owner);
    }
}

void release(AddressSet& set) noexcept
{
    if (--set.users > 0) return;
    for (auto* peers = set.peers; peers; peers = peers->next) {
        for (auto* peer = peers->peer; peer; peer = peer->next) {
            if (peer->ssl_session) ngx_ssl_free_session(static_cast<ngx_ssl_session_t*>(peer->ssl_session));
        }
    }
    ngx_destroy_pool(set.pool);  // `set` is in there
}

// Lets nginx's round robin build its peers from the block's servers, the
// placeholders replaced by what they resolve to.
AddressSet* build_set(DynamicUpstream& d)
{
    ngx_pool_t* pool = ngx_create_pool(4096, ngx_cycle->log);
    if (!pool) return nullptr;
    auto* set = static_cast<AddressSet*>(ngx_pcalloc(pool, sizeof(AddressSet)));
    ngx_array_t* configured = d.upstream->servers;
    ngx_array_t* servers = ngx_array_create(pool, configured->nelts, sizeof(ngx_http_upstream_server_t));
    auto* out =
        servers ? static_cast<ngx_http_upstream_server_t*>(ngx_array_push_n(servers, configured->nelts)) : nullptr;
    if (!set || !out) {
        ngx_destroy_pool(pool);
        return nullptr;
    }
    ngx_memcpy(out, configured->elts, configured->nelts * sizeof(*out));
    for (DynamicHost* host : d.hosts) {
        ngx_http_upstream_server_t& server = out[host->server];
        server.down = 0;
        server.naddrs = host->addresses.size();
        server.addrs = static_cast<ngx_addr_t*>(ngx_palloc(pool, (server.naddrs + 1) * sizeof(ngx_addr_t)));
        if (!server.addrs) {
            ngx_destroy_pool(pool);
            return nullptr;
        }
        for (ngx_uint_t i = 0; i < server.naddrs; i++) {
            const ngx_addr_t& from = host->addresses[i];
            server.addrs[i] = from;
            server.addrs[i].sockaddr = static_cast<sockaddr*>(ngx_palloc(pool, from.socklen));
            server.addrs[i].name = copy_to(pool, view(from.name));
            if (!server.addrs[i].sockaddr || !server.addrs[i].name.data) {
                ngx_destroy_pool(pool);
                return nullptr;
            }
            ngx_memcpy(server.addrs[i].sockaddr, from.sockaddr, from.socklen);
        }
    }

    ngx_conf_t cf;
    ngx_memzero(&cf, sizeof(cf));
    cf.pool = pool;
    cf.log = ngx_cycle->log;
    cf.cycle = const_cast<ngx_cycle_t*>(ngx_cycle);
    void* former_peers = d.upstream->peer.data;
    ngx_http_upstream_init_peer_pt former_init = d.upstream->peer.init;
    d.upstream->servers = servers;
    ngx_int_t rc = ngx_http_upstream_init_round_robin(&cf, d.upstream);
    d.upstream->servers = configured;
    d.upstream->peer.init = former_init;
    set->pool = pool;
    set->users = 1;
    set->peers = static_cast<ngx_http_upstream_rr_peers_t*>(d.upstream->peer.data);
    if (rc != NGX_OK) {
        d.upstream->peer.data = former_peers;
        ngx_destroy_pool(pool);
        return nullptr;
    }
    return set;
}

void rebuild(DynamicUpstream& d)
{
    AddressSet* former = d.current;
    AddressSet* set = build_set(d);
    if (!set) return;
    d.current = set;
    if (former) release(*former);
}

// Takes over the addresses of an answer; false when they are the ones known.
bool take_addresses(DynamicHost& host, ngx_resolver_ctx_t& query)
{
    std::vector<ngx_resolver_addr_t*> found;
    for (ngx_uint_t i = 0; i < query.naddrs; i++) {
        bool usable = host.ipv6 || query.addrs[i].sockaddr->sa_family == AF_INET;
        if (usable) found.push_back(&query.addrs[i]);
    }
    if (found.empty()) return false;

    struct Entry {
        std::string address, name;
    };
    std::vector<Entry> entries;
    for (ngx_resolver_addr_t* a : found) {
        ngx_inet_set_port(a->sockaddr, host.port);
        u_char text[NGX_SOCKADDR_STRLEN];
        size_t n = ngx_sock_ntop(a->sockaddr, a->socklen, text, sizeof(text), 1);
        entries.push_back({std::string(reinterpret_cast<char*>(a->sockaddr), a->socklen),
                           std::string(reinterpret_cast<char*>(text), n)});
    }
    // DNS servers shuffle; the order says nothing.
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });

    std::string storage;
    for (const Entry& e : entries) storage += e.address + e.name;
    if (storage == host.storage && entries.size() == host.addresses.size()) return false;

    host.storage = std::move(storage);
    host.addresses.clear();
    char* at = host.storage.data();
    for (const Entry& e : entries) {
        ngx_addr_t addr;
        addr.sockaddr = reinterpret_cast<sockaddr*>(at);
        addr.socklen = static_cast<socklen_t>(e.address.size());
        at += e.address.size();
        addr.name = {e.name.size(), reinterpret_cast<u_char*>(at)};
        at += e.name.size();
        host.addresses.push_back(addr);
    }
    return true;
}

void on_failure(DynamicHost& host, const char* why)
{
    ngx_uint_t known = host.addresses.size();
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "llm: upstream \"%V\": \"%s\" cannot be resolved: %s (%ui addresses known)",
                  &host.upstream->upstream->host, host.name.c_str(), why, known);
    ngx_msec_t delay = kFirstRetry << std::min<ngx_uint_t>(host.failures, 5);
    host.failures++;
    schedule(host, std::min(delay, host.valid));
}

void on_answer(ngx_resolver_ctx_t* query)
{
    auto& host = *static_cast<DynamicHost*>(query->data);
    host.query = nullptr;
    bool retry_ipv4 = false;
    guarded(ngx_cycle->log, [&] {
        if (query->state == NGX_OK && query->naddrs > 0) {
            host.failures = 0;
            if (take_addresses(host, *query)) rebuild(*host.upstream);
            if (host.addresses.empty()) {
                on_failure(host, "no usable address");
            } else {
                schedule(host, host.valid);
            }
        } else {
            // To nginx's resolver a server that fails for AAAA fails for the name.
            retry_ipv4 = !host.only_ipv4;
            if (!retry_ipv4) on_failure(host, ngx_resolver_strerror(query->state));
        }
        return NGX_OK;
    });
    ngx_resolve_name_done(query);
    if (retry_ipv4) return start_query(host, true);
    wake_all(*host.upstream);
}

void start_query(DynamicHost& host, bool only_ipv4)
{
    DynamicUpstream& d = *host.upstream;
    host.only_ipv4 = only_ipv4 || !host.ipv6;
    ngx_resolver_ctx_t* query = ngx_resolve_start(host.only_ipv4 ? d.resolver_ipv4 : d.resolver, nullptr);
    if (!query || query == NGX_NO_RESOLVER) {
        on_failure(host, "no resolver");
        return wake_all(d);
    }
    query->name = borrow(host.name);
    query->handler = on_answer;
    query->data = &host;
    query->timeout = kQueryTimeout;
    // Nobody waits: a worker that is told to quit need not either.
    query->cancelable = ngx_queue_empty(&d.waiters);
    host.query = query;
    // The handler may run before this returns.
    if (ngx_resolve_name(query) != NGX_OK) {
        host.query = nullptr;
        on_failure(host, "the resolver cannot be asked");
        wake_all(d);
    }
}

void on_timer(ngx_event_t* ev)
{
    auto& host = *static_cast<DynamicHost*>(ev->data);
    if (!host.query) start_query(host, false);
}

}  // namespace

DynamicUpstream* dynamic_upstream(const MainConf& conf, const ngx_http_upstream_srv_conf_t* upstream) noexcept
{
    for (DynamicUpstream* d : conf.dynamic) {
        if (d->upstream == upstream) return d;
    }
    return nullptr;
}

namespace {

// Nobody will ever ask for it: all its providers lack their keys.
bool is_idle(const MainConf& conf, const DynamicUpstream& d) noexcept
{
    bool used = false, enabled = false;
    for (const ProviderConf* p : conf.providers) {
        if (p->upstream != d.upstream) continue;
        used = true;
        enabled = enabled || !p->disabled;
    }
    return used && !enabled;
}

}  // namespace

void start_resolving(MainConf& conf)
{
    for (DynamicUpstream* d : conf.dynamic) {
        if (is_idle(conf, *d)) continue;
        for (DynamicHost* host : d->hosts) {
            host->timer.handler = on_timer;
            host->timer.data = host;
            host->timer.log = ngx_cycle->log;
            host->timer.cancelable = 1;
            start_query(*host, false);
        }
    }
}

void stop_resolving(MainConf& conf)
{
    for (DynamicUpstream* d : conf.dynamic) {
        for (DynamicHost* host : d->hosts) {
            if (host->timer.timer_set) ngx_del_timer(&host->timer);
            if (host->query) ngx_resolve_name_done(host->query);
            host->query = nullptr;
        }
        if (d->current) release(*std::exchange(d->current, nullptr));
    }
}

bool wait_for_address(DynamicUpstream& d, AddressWaiter& waiter)
{
    if (d.current || has_others(d) || !is_asking(d)) return false;
    for (DynamicHost* host : d.hosts) {
        if (host->query && host->query->event) host->query->event->cancelable = 0;
    }
    ngx_queue_insert_tail(&d.waiters, &waiter.queue);
    waiter.waiting = true;
    return true;
}

void stop_waiting(AddressWaiter& waiter) noexcept
{
    if (!waiter.waiting) return;
    ngx_queue_remove(&waiter.queue);
    waiter.waiting = false;
}

ngx_int_t init_dynamic_peer(ngx_http_request_t* r, ngx_http_upstream_srv_conf_t* upstream)
{
    DynamicUpstream* d = dynamic_upstream(*main_conf(r), upstream);
    if (!d->current && has_others(*d)) return d->init_peer(r, upstream);
    if (!d->current) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "llm: no address of upstream \"%V\" is known: DNS has not answered", &upstream->host);
        return d->init_peer(r, upstream);
    }
    // The request's peers must outlive the next look-up.
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(r->pool, 0);
    if (!cleanup) return NGX_ERROR;
    cleanup->data = d->current;
    cleanup->handler = [](void* set) noexcept { release(*static_cast<AddressSet*>(set)); };
    d->current->users++;
    return d->init_peer(r, upstream);
}

}  // namespace llm::ngx
