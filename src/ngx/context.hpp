#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "chat/error.hpp"
#include "chat/usage.hpp"
#include "ngx/body.hpp"
#include "ngx/conf.hpp"

namespace llm::ngx {

class Orchestrator;

// Who asks, as far as the request's headers say.
struct Caller {
    enum class State : uint8_t { unchecked, known, no_key, wrong_key };
    State state = State::unchecked;
    const ProjectConf* project = nullptr;  // known
    std::string key_id;                    // known: the key's public name

    bool is_known() const noexcept { return state == State::known; }
};

// What the $llm_* variables tell of a request. Times in milliseconds, -1: none.
struct Record {
    std::string request_model;  // as the client asked
    std::string model;          // as the provider was asked
    std::string_view provider;
    ngx_uint_t attempts = 0;
    bool known = false;  // the request was read
    bool fallback = false;
    bool stream = false;
    std::string_view finish_reason;
    chat::Usage usage;
    std::optional<chat::Money> cost;  // of all attempts
    ngx_msec_int_t first_token = -1;
    ngx_msec_int_t upstream = -1;  // of the attempt that served it
    ngx_msec_int_t overhead = -1;  // all but waiting for upstreams
    std::string error;             // error.code, or its type
};

// The module's context of a client's request.
struct Context {
    Caller caller;
    Record record;
    bool answered = false;  // the answer is the module's own
    size_t body_received = 0;
    BodyRoom body_room;
    std::string error_body;  // for nginx's own error pages
    bool error_body_sent = false;
    std::unique_ptr<Orchestrator> orchestrator;

    Context();
    ~Context();
};

// The context of r->main; null when there is none yet and `create` is false,
// or no memory.
Context* find_context(const ngx_http_request_t* r) noexcept;
Context* get_context(ngx_http_request_t* r);

// Checks the caller's key, once a request. Whether it must be known is the
// location's word, which may not be found yet: the variables ask in any phase.
const Caller& authenticate(ngx_http_request_t* r, Context& ctx);

// The error of a caller who may not pass.
chat::ApiError auth_error(const Caller& caller);

// Fetches the digest; once a worker.
ngx_int_t init_auth(ngx_log_t* log);
void exit_auth() noexcept;

}  // namespace llm::ngx
