#pragma once

#include "ngx/ngx.hpp"

namespace llm::ngx {

// Content handler of a location with llm_status: what is known of providers,
// targets and credentials, in JSON or as a plain page. No key is in it.
ngx_int_t status_handler(ngx_http_request_t* r) noexcept;

}  // namespace llm::ngx
