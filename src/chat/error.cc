#include "chat/error.hpp"

#include <array>
#include <cstddef>

namespace llm::chat {

namespace {

constexpr std::string_view kRequest = "invalid_request_error";
constexpr std::string_view kServer = "server_error";

// In the order of ErrorClass.
constexpr std::array kTraits = {
    ErrorTraits{"no error", 200, {}, {}, false, 0},
    ErrorTraits{"bad request", 400, kRequest, {}, false, 9},
    ErrorTraits{"context length", 400, kRequest, "context_length_exceeded", false, 9},
    ErrorTraits{"content policy", 400, kRequest, "content_policy_violation", false, 9},
    ErrorTraits{"unsupported", 400, kRequest, "unsupported_parameter", true, 9},
    ErrorTraits{"too large", 413, kRequest, "request_too_large", false, 9},
    ErrorTraits{"method not allowed", 405, kRequest, "method_not_allowed", false, 9},
    ErrorTraits{"media type", 415, kRequest, "unsupported_media_type", false, 9},
    ErrorTraits{"not found", 404, kRequest, "not_found", false, 9},
    ErrorTraits{"model not found", 404, kRequest, "model_not_found", false, 9},
    ErrorTraits{"invalid key", 401, kRequest, "invalid_api_key", false, 9},
    ErrorTraits{"forbidden", 403, "permission_error", "model_not_allowed", false, 9},
    ErrorTraits{"rate limited", 429, "rate_limit_error", "rate_limit_exceeded", false, 9},
    ErrorTraits{"credential refused", 502, "upstream_error", "upstream_credentials_exhausted", true, 5, true},
    ErrorTraits{"rate limited", 429, "rate_limit_error", "rate_limit_exceeded", true, 8},
    ErrorTraits{"model unknown upstream", 404, kRequest, "model_not_found", true, 7},
    ErrorTraits{"overloaded", 503, "service_unavailable_error", "overloaded", true, 7},
    ErrorTraits{"server error", 502, "upstream_error", "upstream_error", true, 6},
    ErrorTraits{"request rejected", 400, kRequest, {}, false, 9},
    ErrorTraits{"no connection", 502, "upstream_error", "upstream_error", true, 3},
    ErrorTraits{"bad answer", 502, "upstream_error", "upstream_error", true, 4},
    ErrorTraits{"empty answer", 502, "upstream_error", "upstream_error", true, 4},
    ErrorTraits{"answer cut off", 502, "upstream_error", "stream_interrupted", true, 4},
    ErrorTraits{"timeout", 504, "timeout_error", "timeout", true, 5},
    ErrorTraits{"no target", 503, "service_unavailable_error", "no_healthy_upstream", false, 2, true},
    ErrorTraits{"internal error", 500, kServer, "internal_error", false, 1},
};

static_assert(kTraits.size() == static_cast<size_t>(ErrorClass::internal) + 1);

}  // namespace

const ErrorTraits& traits(ErrorClass c) noexcept
{
    return kTraits[static_cast<size_t>(c)];
}

ApiError make_error(ErrorClass kind, std::string_view message, std::string_view param)
{
    ApiError e;
    e.kind = kind;
    e.message = message;
    e.param = param;
    return e;
}

}  // namespace llm::chat
