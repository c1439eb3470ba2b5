#include "providers/provider.hpp"

namespace llm::providers {

chat::ApiError decode_error(const Endpoint& endpoint, int http_status, std::string_view body)
{
    if (!endpoint.quirks->codes.empty()) {
        chat::ErrorBody said = chat::read_error_body(body);
        if (auto kind = chat::class_of_code(said, endpoint.quirks->codes)) return chat::upstream_error(*kind, said);
    }
    return endpoint.dialect->decode_error(http_status, body);
}

}  // namespace llm::providers
