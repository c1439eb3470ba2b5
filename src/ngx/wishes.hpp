#pragma once

#include "chat/body.hpp"
#include "chat/error.hpp"
#include "ngx/ngx.hpp"
#include "policy/wishes.hpp"

namespace llm::ngx {

// What the client says of its targets in headers, in the query and in the body,
// whose members of this kind are from now on the body's `own`. False: `error` says
// what is wrong.
bool hear_wishes(ngx_http_request_t* r, chat::RequestBody& body, policy::Wishes& out, chat::ApiError& error);

}  // namespace llm::ngx
