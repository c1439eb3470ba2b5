#pragma once

#include <cstddef>
#include <string_view>

#include "chat/error.hpp"
#include "chat/request.hpp"

namespace llm::client {

struct RequestLimits {
    json::Limits json;
    size_t tools = 512;
};

// Reads the body of `POST /v1/chat/completions`. Types, required members and
// caps are checked here, values are the provider's business.
//
// On success `out` holds views of `body`, which must outlive it. On failure
// `error` names the place (`param`) and nothing may be forwarded.
bool read_request(std::string_view body, const RequestLimits& limits, chat::Request& out, chat::ApiError& error);

}  // namespace llm::client
