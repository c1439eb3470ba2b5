#pragma once

#include "ngx/conf.hpp"

namespace llm::ngx {

// Whether there is a sandbox for a provider's format.
bool sandbox_speaks(const providers::Provider& type) noexcept;

// Content handler of a location with llm_sandbox.
ngx_int_t sandbox_handler(ngx_http_request_t* r);

}  // namespace llm::ngx
