// Embeddings and reranking as OpenAI and compatible servers write them (wire
// format: openai-chat, section 8): the client's own bytes with splices.
#include "dialects/openai/openai.hpp"
#include "json/splice.hpp"
#include "json/writer.hpp"

namespace llm::openai {

namespace {

using json::Value;

// OpenAI's limit; compatible servers have none or a higher one.
constexpr size_t kBatch = 2048;

// From the first byte of one value to the last of another, as an array.
std::string slice(const Value& first, const Value& last)
{
    const char* begin = first.raw().data();
    const char* end = last.raw().data() + last.raw().size();
    return '[' + std::string(begin, end) + ']';
}

void splice_model(const chat::RequestBody& body, const dialects::EncodeOptions& options, json::Splice& splice)
{
    if (body.model_name != options.model) splice.replace(body.model->raw(), json::quoted(options.model));
}

bool encode_embeddings(const chat::EmbeddingsRequest& request, chat::Part part, const dialects::EncodeOptions& options,
                       dialects::EncodedRequest& out, chat::ApiError&)
{
    json::Splice splice(request.document.source());
    splice_model(request, options, splice);
    if (part.count < request.inputs.size()) {
        splice.replace(request.input->raw(),
                       slice(*request.inputs[part.first], *request.inputs[part.first + part.count - 1]));
    }
    splice.apply(out.body);
    return true;
}

uint64_t place_of(const Value& one, uint64_t otherwise) noexcept
{
    const Value* index = one.get("index");
    return index ? index->to_uint().value_or(otherwise) : otherwise;
}

Status decode_embeddings(std::string_view body, const json::Limits& limits, chat::EmbeddingsSink& sink)
{
    json::Limits folding = limits;
    folding.fold_numbers = true;
    json::Document doc;
    if (Status s = doc.parse(body, json::Mode::liberal, folding); !s.ok()) return s;
    const Value& root = doc.root();
    const Value* data = root.get("data");
    if (!data || !data->is_array()) return fail(Errc::protocol, "answer without data");
    uint64_t i = 0;
    for (const Value& one : *data) {
        const Value* embedding = one.get("embedding");
        if (!embedding) return fail(Errc::protocol, "embedding that is no vector");
        if (Status s = sink.put(place_of(one, i), *embedding); !s.ok()) return s;
        i++;
    }
    if (const Value* model = root.get("model")) sink.model(*model);
    if (const Value* usage = root.get("usage")) sink.usage(read_usage(*usage));
    return kOk;
}

bool encode_rerank(const chat::RerankRequest& request, const dialects::EncodeOptions& options,
                   dialects::EncodedRequest& out, chat::ApiError&)
{
    json::Splice splice(request.document.source());
    splice_model(request, options, splice);
    splice.apply(out.body);
    return true;
}

// Cohere, Jina and vLLM say `results`, text-embeddings-inference only a list.
Status decode_rerank(std::string_view body, const json::Limits& limits, chat::RerankSink& sink)
{
    json::Document doc;
    if (Status s = doc.parse(body, json::Mode::liberal, limits); !s.ok()) return s;
    const Value& root = doc.root();
    const Value* results = root.is_array() ? &root : root.get("results");
    if (!results || !results->is_array()) return fail(Errc::protocol, "answer without results");
    uint64_t i = 0;
    for (const Value& one : *results) {
        const Value* score = one.get("relevance_score");
        if (!score) score = one.get("score");
        if (!score) return fail(Errc::protocol, "result without a score");
        if (Status s = sink.put(place_of(one, i), *score); !s.ok()) return s;
        i++;
    }
    if (const Value* id = root.get("id")) sink.id(*id);
    if (const Value* model = root.get("model")) sink.model(*model);
    if (const Value* usage = root.get("usage")) sink.usage(read_usage(*usage));
    return kOk;
}

}  // namespace

constinit const dialects::Embeddings kEmbeddings = {
    .same_format = true,
    .batch = [](std::string_view) -> size_t { return kBatch; },
    .encode = encode_embeddings,
    .decode = decode_embeddings,
};

constinit const dialects::Rerank kRerank = {
    .same_format = true,
    .encode = encode_rerank,
    .decode = decode_rerank,
};

}  // namespace llm::openai
