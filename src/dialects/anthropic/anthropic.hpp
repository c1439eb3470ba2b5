#pragma once

#include <cstdint>
#include <string_view>

#include "chat/delta.hpp"
#include "dialects/dialect.hpp"
#include "json/value.hpp"
#include "json/writer.hpp"

// The Messages format (wire format: anthropic). Served by Anthropic itself and,
// with other transports, by others.
namespace llm::anthropic {

extern const dialects::Dialect kDialect;
extern const dialects::Dialect kVertexDialect;

// What a model accepts; found by its name.
struct ModelRules {
    enum class Thinking : uint8_t { none, budget, adaptive };

    std::string_view part;    // the name contains this
    uint32_t max_output;      // tokens; max_tokens when the client sets none
    bool sampling;            // temperature, top_p and top_k are accepted
    bool both_samplings;      // temperature and top_p together
    Thinking thinking;        // how reasoning_effort is asked for
    bool thinking_off;        // {"type":"disabled"} is accepted
    bool forced_tool;         // tool_choice any / tool
    bool json_schema;         // output_config.format
    bool system_in_messages;  // role system inside messages
};

const ModelRules& rules_for(std::string_view model) noexcept;

// Token counts as Anthropic reports them: input excludes both cache figures.
class Counts {
public:
    // Takes over the members that are present: a stream's counts are running
    // totals, so they replace what came before and are never added. A sum of
    // `iterations` stands until another list of them comes.
    void update(const json::Value& usage);
    chat::Usage usage() const noexcept;

private:
    struct Tokens {
        int64_t input = 0;
        int64_t cache_write = 0;
        int64_t cache_read = 0;
        int64_t output = 0;

        void take(const json::Value& usage);
    };

    void sum_steps(const json::Value& steps);

    Tokens last_;  // as they were told
    Tokens sum_;   // of the steps; -1 where none of them told
    bool summed_ = false;
    int64_t cache_write_1h_ = 0;
    int64_t reasoning_ = 0;
    int64_t searches_ = 0;
    chat::ServiceTier tier_ = chat::ServiceTier::standard;
};

chat::FinishReason finish_reason(const json::Value& stop_reason, bool called_tools) noexcept;

// The called tool is the one that stands for `response_format`; `name` may be null.
bool is_json_tool(const json::Value* name, const dialects::DecodeHints& hints) noexcept;

// Writes a JSON Schema so that `output_config.format` accepts it: objects are
// closed, keywords it does not know move into the description. A schema that
// is fine already is emitted as it came.
void write_output_schema(json::Writer& w, const json::Value& schema);

// Whether the schema can be expressed that way at all: open objects (maps) and
// recursion cannot.
bool fits_output_format(const json::Value& schema);

// The four functions of the dialect, one file each.
bool encode(const chat::Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
            chat::ApiError& error);
bool encode_vertex(const chat::Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
                   chat::ApiError& error);
Status decode(std::string_view body, const dialects::DecodeOptions& options, chat::DeltaSink& sink);
chat::ApiError decode_error(int http_status, std::string_view body);
chat::ApiError decode_error(int http_status, const json::Value& root);
std::unique_ptr<dialects::StreamDecoder> make_stream(const dialects::DecodeOptions& options);

}  // namespace llm::anthropic
