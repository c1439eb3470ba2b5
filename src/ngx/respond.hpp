#pragma once

#include <string_view>

#include "chat/error.hpp"
#include "ngx/context.hpp"

namespace llm::ngx {

// A response header; name and value are copied. False: no memory.
bool add_header(ngx_http_request_t* r, std::string_view name, std::string_view value);

// nginx's $request_id, the one an access log prints; lives as long as `r`.
// What x-request-id says: the client's when it is safe, else nginx's.
std::string_view request_id(ngx_http_request_t* r);
std::string_view nginx_request_id(ngx_http_request_t* r);

// `x-request-id`: the client's when it is 1..128 safe characters, else nginx's.
bool add_request_id(ngx_http_request_t* r);

// Sends a whole JSON answer; `body` is copied. Returns what a content handler
// returns or what ngx_http_finalize_request() takes.
ngx_int_t send_json(ngx_http_request_t* r, ngx_uint_t status, std::string_view body);
ngx_int_t send_text(ngx_http_request_t* r, ngx_uint_t status, std::string_view body);

// The request's first header of that name, empty without one.
std::string_view find_header(const ngx_http_request_t* r, std::string_view name) noexcept;

// Whether a request's header switches something on: its value is `1`.
bool is_set(const ngx_http_request_t* r, std::string_view name) noexcept;

// Sends an error in OpenAI's form and notes it for the log. `trace`: JSON for
// `llm_trace` beside it, when it is not empty.
ngx_int_t send_error(ngx_http_request_t* r, const chat::ApiError& error, std::string_view trace = {});

// Copies `text` into one buffer; `last` ends the response.
ngx_chain_t* make_chain(ngx_http_request_t* r, std::string_view text, bool last);

}  // namespace llm::ngx
