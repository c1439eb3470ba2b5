#pragma once

#include "ngx/ngx.hpp"

namespace llm::ngx {

// Content handler of a location with `llm_gateway on`.
ngx_int_t gateway_handler(ngx_http_request_t* r);

// GET /v1/models and /v1/models/{id} (models.cc). `id` is empty for the list.
ngx_int_t send_models(ngx_http_request_t* r, std::string_view id);

}  // namespace llm::ngx
