#pragma once

#include <string_view>
#include <vector>

#include "chat/error.hpp"
#include "chat/request.hpp"
#include "ngx/route.hpp"

namespace llm::ngx {

// What targets are chosen for.
struct Wanted {
    std::string_view name;                // the model, as the client asked
    const chat::Request* chat = nullptr;  // null where nothing but a model is asked for
};

// The route's targets in the order in which they are to be tried. Left out is what
// is disabled or closed now, and what cannot carry the request. False: none is
// left, and `error` says why.
bool choose_targets(ngx_http_request_t* r, const Route& route, const Wanted& wanted, std::vector<Target>& out,
                    chat::ApiError& error);

}  // namespace llm::ngx
