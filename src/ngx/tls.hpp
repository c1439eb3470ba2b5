#pragma once

#include "ngx/conf.hpp"

namespace llm::ngx {

// Sets the Host header and the name that TLS verifies, when the configuration
// does not: the host of `pass`, or the one name all servers of its upstream
// block share. Anything else has to be said.
ngx_int_t find_host(ngx_conf_t* cf, ProviderConf& p);

// Gives a provider its TLS context.
ngx_int_t use_tls(ngx_conf_t* cf, MainConf& conf, ProviderConf& p);

// nginx pools idle connections by address only: one upstream block may not
// serve two TLS identities, or a connection verified for one would carry the
// other's requests.
ngx_int_t check_shared_upstreams(ngx_conf_t* cf, MainConf& conf);

}  // namespace llm::ngx
