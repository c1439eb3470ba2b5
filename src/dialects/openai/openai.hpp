#pragma once

#include <string_view>
#include <vector>

#include "chat/delta.hpp"
#include "dialects/dialect.hpp"
#include "dialects/openai/mender.hpp"
#include "json/value.hpp"

// Chat completions as OpenAI and its many look-alikes write them (wire formats:
// openai-chat, openai-compatible-family). Requests in the same format pass
// through with splices, so what is decoded here is mostly observed.
namespace llm::openai {

extern const dialects::Dialect kDialect;
extern const dialects::Embeddings kEmbeddings;
extern const dialects::Rerank kRerank;

// What the elements of `choices` are: pieces of a stream or whole messages.
enum class Shape : uint8_t { chunk, answer };

// Reads one `choices` element after the other, keeps apart which calls have
// begun, and takes down what is to be mended.
class ChoiceReader {
public:
    ChoiceReader(const dialects::DecodeOptions& options, Shape shape) noexcept
        : quirks_(*options.quirks), max_args_(options.max_tool_arguments), shape_(shape), mender_(options, shape)
    {
    }

    Status read(const json::Value& choice, chat::DeltaSink& sink);

    // Every choice that has begun has ended, and there is one.
    bool finished() const noexcept;

    Mender& mender() noexcept { return mender_; }

private:
    struct Call {
        uint64_t index;  // the provider's
        std::string id;
        size_t args = 0;
    };
    struct Choice {
        std::vector<Call> calls;
        bool begun = false;
        bool finished = false;
    };

    Status read_body(const json::Value& body, uint32_t choice, chat::DeltaSink& sink);
    Status read_content(const json::Value& content, uint32_t choice, chat::DeltaSink& sink);
    Status read_calls(const json::Value& calls, uint32_t choice, chat::DeltaSink& sink);
    Status read_call(const json::Value& call, uint32_t choice, chat::DeltaSink& sink);
    Status read_finish(const json::Value& reason, uint32_t choice, chat::DeltaSink& sink);

    const dialects::Quirks& quirks_;
    size_t max_args_;
    Shape shape_;
    Mender mender_;
    std::vector<Choice> choices_;
};

chat::Usage read_usage(const json::Value& usage, const dialects::UsageQuirks& quirks = {}) noexcept;

// Puts id, model, usage and the `error` that a chunk or an answer may carry;
// `failed` is set when it does.
Status read_envelope(const json::Value& root, const dialects::Quirks& quirks, Mender& mender, chat::DeltaSink& sink,
                     bool& failed);

bool encode(const chat::Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
            chat::ApiError& error);
Status decode(std::string_view body, const dialects::DecodeOptions& options, chat::DeltaSink& sink);
chat::ApiError decode_error(int http_status, std::string_view body);
std::unique_ptr<dialects::StreamDecoder> make_stream(const dialects::DecodeOptions& options);

}  // namespace llm::openai
