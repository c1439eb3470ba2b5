// The client's own bytes with only those members changed that must differ.
#include "dialects/openai/openai.hpp"
#include "json/splice.hpp"
#include "json/writer.hpp"

namespace llm::openai {

namespace {

using json::Value;

constexpr std::string_view kAskUsage = R"({"include_usage":true})";

// Streams are always asked for their usage, for accounting; the chunk is
// withheld from clients that did not ask.
void ask_usage(const Value& root, json::Splice& splice)
{
    const Value* options = root.find("stream_options");
    if (!options) return splice.add_member(root, "stream_options", kAskUsage);
    if (options->is_null()) return splice.replace(options->raw(), std::string(kAskUsage));
    const Value* include = options->find("include_usage");
    if (!include) return splice.add_member(*options, "include_usage", "true");
    splice.replace(include->raw(), "true");
}

}  // namespace

bool encode(const chat::Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
            chat::ApiError&)
{
    json::Splice splice(request.document.source());
    if (request.model_name != options.model) splice.replace(request.model->raw(), json::quoted(options.model));
    if (request.stream && !request.include_usage) ask_usage(request.document.root(), splice);
    splice.apply(out.body);
    return true;
}

}  // namespace llm::openai
