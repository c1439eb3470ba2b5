#pragma once

#include <string_view>
#include <vector>

#include "chat/delta.hpp"
#include "dialects/dialect.hpp"
#include "json/value.hpp"

// Chat completions as OpenAI and its many look-alikes write them (wire formats:
// openai-chat, openai-compatible-family). Requests in the same format pass
// through with splices, so what is decoded here is mostly observed.
namespace llm::openai {

extern const dialects::Dialect kDialect;
extern const dialects::Embeddings kEmbeddings;
extern const dialects::Rerank kRerank;

// Reads one `choices` element after the other, of a chunk (`delta`) or a whole
// answer (`message`), and keeps apart which calls have begun.
class ChoiceReader {
public:
    explicit ChoiceReader(size_t max_tool_arguments) noexcept : max_args_(max_tool_arguments) {}

    Status read(const json::Value& choice, std::string_view body_name, chat::DeltaSink& sink);

    // Every choice that has begun has ended, and there is one.
    bool finished() const noexcept;

private:
    struct Call {
        uint64_t index;  // the provider's
        size_t args = 0;
    };
    struct Choice {
        std::vector<Call> calls;
        bool begun = false;
        bool finished = false;
    };

    Status read_content(const json::Value& content, uint32_t choice, chat::DeltaSink& sink);
    Status read_call(const json::Value& call, uint32_t choice, chat::DeltaSink& sink);
    Status read_finish(const json::Value& reason, uint32_t choice, chat::DeltaSink& sink);

    size_t max_args_;
    std::vector<Choice> choices_;
};

chat::Usage read_usage(const json::Value& usage) noexcept;

// Puts id, model, usage and the `error` that a chunk or an answer may carry;
// `failed` is set when it does.
Status read_envelope(const json::Value& root, chat::DeltaSink& sink, bool& failed);

bool encode(const chat::Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
            chat::ApiError& error);
Status decode(std::string_view body, const dialects::DecodeOptions& options, chat::DeltaSink& sink);
chat::ApiError decode_error(int http_status, std::string_view body);
std::unique_ptr<dialects::StreamDecoder> make_stream(const dialects::DecodeOptions& options);

}  // namespace llm::openai
