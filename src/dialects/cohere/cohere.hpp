#pragma once

#include "dialects/dialect.hpp"
#include "dialects/encoding.hpp"
#include "json/writer.hpp"

// Cohere's v2 API: chat, embeddings and reranking (wire format: cohere).
namespace llm::cohere {

extern const dialects::Dialect kDialect;
extern const dialects::Embeddings kEmbeddings;
extern const dialects::Rerank kRerank;

// One request for a chat on its way to Cohere; shared by the files that write it.
struct Encoder : dialects::Encoding {
    Encoder(const dialects::Encoding& e, bool thinks_aloud) noexcept
        : dialects::Encoding(e), w(e.out.body), thinks(thinks_aloud)
    {
    }

    json::Writer w;
    bool thinks;  // the model takes and gives thoughts
};

// The member `messages`.
bool write_messages(Encoder& e);

// The members `tools` and `tool_choice`.
bool write_tools(Encoder& e);

chat::Usage read_usage(const json::Value& usage) noexcept;

// Puts the answer's end: why, or that it failed.
Status put_finish(const json::Value* reason, chat::DeltaSink& sink);

bool encode(const chat::Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
            chat::ApiError& error);
Status decode(std::string_view body, const dialects::DecodeOptions& options, chat::DeltaSink& sink);
chat::ApiError decode_error(int http_status, std::string_view body);
std::unique_ptr<dialects::StreamDecoder> make_stream(const dialects::DecodeOptions& options);

}  // namespace llm::cohere
