#pragma once

#include <string>
#include <vector>

#include "ngx/conf.hpp"
#include "providers/provider.hpp"

namespace llm::ngx {

// The headers that a provider gets besides those of its type: the operator's,
// and the client's that may pass. They are views of the request's memory. Throws
// std::bad_alloc.
std::vector<providers::Header> headers_for(ngx_http_request_t* r, const ProviderConf& p);

// What `safety` says for this request; empty when nothing. Throws std::bad_alloc.
std::string safety_for(ngx_http_request_t* r, const ProviderConf& p);

}  // namespace llm::ngx
