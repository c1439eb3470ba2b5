// Error bodies (wire format: anthropic, section 12).
#include <array>

#include "chat/upstream_error.hpp"
#include "dialects/anthropic/anthropic.hpp"

namespace llm::anthropic {

namespace {

using chat::ErrorClass;

struct TypeRow {
    std::string_view type;
    ErrorClass kind;
};

constexpr std::array kTypes = {
    TypeRow{"invalid_request_error", ErrorClass::upstream_rejected},
    TypeRow{"authentication_error", ErrorClass::upstream_credential},
    TypeRow{"billing_error", ErrorClass::upstream_credential},
    TypeRow{"permission_error", ErrorClass::upstream_credential},
    TypeRow{"not_found_error", ErrorClass::upstream_model},
    TypeRow{"request_too_large", ErrorClass::too_large},
    TypeRow{"rate_limit_error", ErrorClass::upstream_rate_limited},
    TypeRow{"api_error", ErrorClass::upstream_server},
    TypeRow{"timeout_error", ErrorClass::timeout},
    TypeRow{"overloaded_error", ErrorClass::upstream_overloaded},
};

chat::ApiError translate(int http_status, const chat::ErrorBody& body)
{
    // Texts first: "prompt is too long" comes as a plain invalid_request_error.
    ErrorClass kind = chat::classify(http_status, body);
    bool by_text = kind == ErrorClass::context_length || kind == ErrorClass::content_policy ||
                   kind == ErrorClass::upstream_credential;
    for (const TypeRow& row : kTypes) {
        if (!by_text && body.type == row.type) kind = row.kind;
    }
    return chat::upstream_error(kind, body);
}

}  // namespace

chat::ApiError decode_error(int http_status, std::string_view body)
{
    return translate(http_status, chat::read_error_body(body));
}

chat::ApiError decode_error(int http_status, const json::Value& root)
{
    return translate(http_status, chat::read_error_body(root));
}

}  // namespace llm::anthropic
