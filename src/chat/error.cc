#include "chat/error.hpp"

#include <array>
#include <cstddef>

namespace llm::chat {

namespace {

constexpr std::string_view kRequest = "invalid_request_error";
constexpr std::string_view kServer = "server_error";

// In the order of ErrorClass.
constexpr std::array kTraits = {
    /* none                  */ ErrorTraits{200, {}, {}, false, 0},
    /* bad_request           */ ErrorTraits{400, kRequest, {}, false, 9},
    /* context_length        */ ErrorTraits{400, kRequest, "context_length_exceeded", false, 9},
    /* content_policy        */ ErrorTraits{400, kRequest, "content_policy_violation", false, 9},
    /* unsupported           */ ErrorTraits{400, kRequest, "unsupported_parameter", true, 9},
    /* too_large             */ ErrorTraits{413, kRequest, "request_too_large", false, 9},
    /* method_not_allowed    */ ErrorTraits{405, kRequest, "method_not_allowed", false, 9},
    /* media_type            */ ErrorTraits{415, kRequest, "unsupported_media_type", false, 9},
    /* not_found             */ ErrorTraits{404, kRequest, "not_found", false, 9},
    /* model_not_found       */ ErrorTraits{404, kRequest, "model_not_found", false, 9},
    /* invalid_key           */ ErrorTraits{401, kRequest, "invalid_api_key", false, 9},
    /* forbidden             */ ErrorTraits{403, "permission_error", "model_not_allowed", false, 9},
    /* rate_limited          */ ErrorTraits{429, "rate_limit_error", "rate_limit_exceeded", false, 9},
    /* upstream_credential   */ ErrorTraits{502, "upstream_error", "upstream_credentials_exhausted", true, 5},
    /* upstream_rate_limited */ ErrorTraits{429, "rate_limit_error", "rate_limit_exceeded", true, 8},
    /* upstream_model        */ ErrorTraits{404, kRequest, "model_not_found", true, 7},
    /* upstream_overloaded   */ ErrorTraits{503, "service_unavailable_error", "overloaded", true, 7},
    /* upstream_server       */ ErrorTraits{502, "upstream_error", "upstream_error", true, 6},
    /* upstream_rejected     */ ErrorTraits{400, kRequest, {}, false, 9},
    /* connect               */ ErrorTraits{502, "upstream_error", "upstream_error", true, 3},
    /* protocol              */ ErrorTraits{502, "upstream_error", "upstream_error", true, 4},
    /* empty                 */ ErrorTraits{502, "upstream_error", "upstream_error", true, 4},
    /* interrupted           */ ErrorTraits{502, "upstream_error", "stream_interrupted", true, 4},
    /* timeout               */ ErrorTraits{504, "timeout_error", "timeout", true, 5},
    /* no_target             */ ErrorTraits{503, "service_unavailable_error", "no_healthy_upstream", false, 2},
    /* internal              */ ErrorTraits{500, kServer, "internal_error", false, 1},
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
