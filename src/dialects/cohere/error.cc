// Error bodies (wire format: cohere, section 6).
#include "chat/upstream_error.hpp"
#include "dialects/cohere/cohere.hpp"

namespace llm::cohere {

chat::ApiError decode_error(int http_status, std::string_view body)
{
    // Cohere's own: a token that is blocked.
    constexpr int kBlockedToken = 498;
    chat::ErrorBody error = chat::read_error_body(body);
    return chat::upstream_error(chat::classify(http_status == kBlockedToken ? 401 : http_status, error), error);
}

}  // namespace llm::cohere
