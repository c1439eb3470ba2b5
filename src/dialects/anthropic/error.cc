// Error bodies (wire format: anthropic, section 12).
#include "chat/upstream_error.hpp"
#include "dialects/anthropic/anthropic.hpp"

namespace llm::anthropic {

namespace {

using chat::ErrorClass;

chat::ApiError translate(int http_status, const chat::ErrorBody& body)
{
    // Texts first: "prompt is too long" comes as a plain invalid_request_error.
    ErrorClass kind = chat::classify(http_status, body);
    bool by_text = kind == ErrorClass::context_length || kind == ErrorClass::content_policy ||
                   kind == ErrorClass::upstream_credential;
    if (!by_text) kind = chat::class_of_words(body.type, {}).value_or(kind);
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
