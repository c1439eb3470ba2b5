#pragma once

#include <string_view>
#include <vector>

#include "chat/error.hpp"
#include "chat/request.hpp"
#include "ngx/context.hpp"
#include "ngx/route.hpp"

namespace llm::ngx {

// What targets are chosen for. What the body says of them is taken out of it.
struct Wanted {
    std::string_view name;  // the model, as the client asked
    chat::RequestBody& body;
    const chat::Request* chat = nullptr;  // the body, if it is a chat's
};

// Of the models that the caller may use the targets in the order in which they are
// to be tried. Left out is what is disabled, closed now or not wished for, and what
// cannot carry the request.
struct Chosen {
    Route route;  // of the model that was asked for
    std::vector<Target> targets;
};

// False: there is no target, and `error` says why.
bool choose_targets(ngx_http_request_t* r, const Caller& caller, const Wanted& wanted, Chosen& out,
                    chat::ApiError& error);

}  // namespace llm::ngx
