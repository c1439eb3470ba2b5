#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chat/delta.hpp"
#include "dialects/dialect.hpp"
#include "dialects/gemini/partial_args.hpp"
#include "json/value.hpp"
#include "json/writer.hpp"

// generateContent (wire format: gemini). Served by the Gemini API and, with other
// paths and credentials, by Vertex AI.
namespace llm::gemini {

extern const dialects::Dialect kDialect;
extern const dialects::Dialect kVertexDialect;
extern const dialects::Embeddings kEmbeddings;
extern const dialects::Embeddings kVertexEmbeddings;

// What a model accepts; found by its name.
struct ModelRules {
    enum class Thinking : uint8_t { none, budget, level };

    std::string_view part;  // the name contains this
    Thinking thinking;      // how reasoning_effort is asked for
    uint32_t min_budget;    // tokens, of thinkingBudget
    uint32_t max_budget;
    bool thinking_off;       // a budget of 0 is accepted
    bool minimal, medium;    // levels beside LOW and HIGH
    bool json_schema;        // responseJsonSchema and parametersJsonSchema
    bool format_with_tools;  // an output format beside functions
    bool penalties;
    bool system;        // systemInstruction
    bool result_media;  // functionResponse.parts
    bool signatures;    // the first call of a turn must bring its thoughtSignature
};

const ModelRules& rules_for(std::string_view model) noexcept;

// Writes a JSON Schema as the OpenAPI subset that `parameters` and
// `responseSchema` take: references are inlined, null becomes `nullable`, and
// what the subset cannot say moves into the description.
void write_schema(json::Writer& w, const json::Value& schema);

// Why `text` is no list of CATEGORY=THRESHOLD; empty when it is one.
std::string check_safety(std::string_view text);

// An object without any member: no schema can say that.
bool is_empty_schema(const json::Value* schema) noexcept;

// Whether it lists members of an object, as `parameters` must.
bool lists_members(const json::Value& schema) noexcept;

// Token counts as Gemini reports them: prompt includes what was cached,
// candidates exclude thoughts.
class Counts {
public:
    // Takes over the members that are present: running totals, never added.
    void update(const json::Value& usage) noexcept;
    chat::Usage usage() const noexcept;

private:
    bool known_ = false;
    int64_t prompt_ = 0;
    int64_t tool_use_ = 0;
    int64_t cached_ = 0;
    int64_t candidates_ = 0;
    int64_t thoughts_ = 0;
};

// Reads a GenerateContentResponse, or a stream's fragments of one: they have
// the same shape.
class AnswerReader {
public:
    explicit AnswerReader(const dialects::DecodeOptions& options) : options_(options) {}

    // A failure the provider reports is put as an `error` delta.
    Status read(const json::Value& root, chat::DeltaSink& sink);
    bool failed() const noexcept { return failed_; }

    // No more will come. Errc::truncated when something is missing.
    Status end(chat::DeltaSink& sink);

private:
    struct Candidate {
        bool begun = false;
        bool finished = false;
        bool thinks = false;  // thinking text was put that no signature has ended
        bool calls_open = false;
        bool json_open = false;  // the open call stands for `response_format`
        chat::FinishReason reason = chat::FinishReason::none;
        uint32_t calls = 0;     // begun, without the open one
        uint32_t thoughts = 0;  // thinking blocks ended
        uint32_t images = 0;
        PartialArgs args;  // of the open call
    };

    Status read_fragment(const json::Value& fragment, chat::DeltaSink& sink);
    Status read_candidate(const json::Value& v, chat::DeltaSink& sink);
    Status read_part(const json::Value& part, uint32_t n, chat::DeltaSink& sink);
    Status read_text(const json::Value& part, uint32_t n, chat::DeltaSink& sink);
    Status read_image(const json::Value& blob, uint32_t n, chat::DeltaSink& sink);
    Status read_logprobs(const json::Value& result, uint32_t n, chat::DeltaSink& sink);
    Status read_signature(const json::Value& part, uint32_t n, chat::DeltaSink& sink);
    Status read_call(const json::Value& part, const json::Value& call, uint32_t n, chat::DeltaSink& sink);
    Status begin_call(const json::Value& part, const json::Value& call, uint32_t n, chat::DeltaSink& sink);
    Status end_call(std::string_view args, uint32_t n, chat::DeltaSink& sink);
    Status close_call(uint32_t n, chat::DeltaSink& sink);
    Status read_finish(const json::Value& v, uint32_t n, chat::DeltaSink& sink);
    Status read_block(const json::Value& feedback, chat::DeltaSink& sink);
    Status put_error(const chat::ApiError& error, chat::DeltaSink& sink);
    std::string mint_id();

    const dialects::DecodeOptions options_;
    Counts counts_;
    std::vector<Candidate> candidates_;
    std::string id_;       // the answer's, where it can be a part of a call's
    uint32_t minted_ = 0;  // ids
    bool started_ = false;
    bool failed_ = false;
};

// The four functions of the dialect, one file each.
bool encode(const chat::Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
            chat::ApiError& error);
bool encode_vertex(const chat::Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
                   chat::ApiError& error);
Status decode(std::string_view body, const dialects::DecodeOptions& options, chat::DeltaSink& sink);
chat::ApiError decode_error(int http_status, std::string_view body);
chat::ApiError decode_error(int http_status, const json::Value& root);
std::unique_ptr<dialects::StreamDecoder> make_stream(const dialects::DecodeOptions& options);

}  // namespace llm::gemini
