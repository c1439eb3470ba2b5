#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llm::chat {

// What went wrong, whoever said it. The class decides what the client is told
// and whether another target may be tried; both stand in one table (error.cc).
enum class ErrorClass : uint8_t {
    none,
    // The request itself.
    bad_request,
    context_length,
    content_policy,
    unsupported,  // this target cannot carry it, another may
    too_large,
    method_not_allowed,
    media_type,
    not_found,
    model_not_found,
    invalid_key,
    forbidden,
    rate_limited,
    // The provider's answer about the request or about our credential.
    upstream_credential,  // 401, 402, 403 or spent quota: about the gateway's own key
    upstream_rate_limited,
    upstream_model,  // it does not know the model
    upstream_overloaded,
    upstream_server,    // 5xx
    upstream_rejected,  // another 4xx
    // No usable answer.
    connect,      // refused, reset, DNS or TLS
    protocol,     // HTML, broken JSON, bad framing
    empty,        // a well-formed answer without content
    interrupted,  // it stopped in the middle
    timeout,
    // Ourselves.
    no_target,  // every target is disabled
    internal,
};
inline constexpr size_t kErrorClasses = static_cast<size_t>(ErrorClass::internal) + 1;

struct ErrorTraits {
    std::string_view name;  // for logs
    uint16_t status;        // to the client
    std::string_view type;  // error.type
    std::string_view code;  // error.code; empty = null
    bool try_next;          // another target may do better
    uint8_t telling;        // of several failures the highest is reported
    bool in_vain = false;   // asking again changes nothing, though it is a 5xx
};

const ErrorTraits& traits(ErrorClass c) noexcept;

// An error on its way to the client, in OpenAI's terms.
struct ApiError {
    ErrorClass kind = ErrorClass::none;
    std::string message;  // UTF-8; may quote the provider, must not be logged
    std::string param;    // empty = null
    std::string code;     // empty = the class's own
    std::string type;     // empty = the class's own
    int64_t retry_after_ms = -1;

    bool set() const noexcept { return kind != ErrorClass::none; }
    uint16_t status() const noexcept { return traits(kind).status; }
    std::string_view code_text() const noexcept { return code.empty() ? traits(kind).code : std::string_view(code); }
    std::string_view type_text() const noexcept { return type.empty() ? traits(kind).type : std::string_view(type); }
    // What $llm_error says.
    std::string_view name_text() const noexcept { return code_text().empty() ? type_text() : code_text(); }
};

ApiError make_error(ErrorClass kind, std::string_view message, std::string_view param = {});

}  // namespace llm::chat
