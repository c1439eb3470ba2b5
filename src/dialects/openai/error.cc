#include "chat/upstream_error.hpp"
#include "dialects/openai/openai.hpp"

namespace llm::openai {

chat::ApiError decode_error(int http_status, std::string_view body)
{
    chat::ErrorBody error = chat::read_error_body(body);
    return chat::upstream_error(chat::classify(http_status, error), error);
}

}  // namespace llm::openai
