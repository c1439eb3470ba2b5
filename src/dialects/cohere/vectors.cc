// Embeddings and reranking (wire format: cohere, section 5).
#include "dialects/cohere/cohere.hpp"

namespace llm::cohere {

namespace {

using json::Value;

// Texts that a call for embeddings takes.
constexpr size_t kBatch = 96;

// Members of its own, for clients that write them for it.
bool leave_out_unknown(dialects::BodyEncoding& e, json::Writer& w, std::span<const std::string_view> own)
{
    for (const Value* v : e.body.unknown) {
        bool known = false;
        for (std::string_view name : own) known = known || v->key() == name;
        if (known) w.member(v->key(), *v);
        if (!known && !v->is_null() && !e.drop(v->key())) return false;
    }
    return true;
}

bool encode_embeddings(const chat::EmbeddingsRequest& request, chat::Part part, const dialects::EncodeOptions& options,
                       dialects::EncodedRequest& out, chat::ApiError& error)
{
    dialects::BodyEncoding e{request, options, out, error};
    if (request.tokens) return e.refuse("input", "it takes texts, not tokens");
    if (request.user && !e.drop("user")) return false;
    json::Writer w(out.body);
    auto body = w.object();
    w.string_member("model", options.model);
    // Newer models ask for it; texts to be found are what most embed.
    if (request.input_type) {
        w.member("input_type", *request.input_type);
    } else {
        w.string_member("input_type", "search_document");
    }
    w.raw_member("embedding_types", R"(["float"])");
    if (request.dimensions) w.member("output_dimension", *request.dimensions);
    constexpr std::string_view kOwn[] = {"truncate", "max_tokens"};
    if (!leave_out_unknown(e, w, kOwn)) return false;
    auto texts = w.array("texts");
    for (const Value* input : request.inputs.subspan(part.first, part.count)) w.value(*input);
    return true;
}

chat::Usage read_billed(const Value& root) noexcept
{
    const Value* meta = root.get("meta");
    return meta ? read_usage(*meta) : chat::Usage{};
}

Status decode_embeddings(std::string_view body, const json::Limits& limits, chat::EmbeddingsSink& sink)
{
    json::Limits folding = limits;
    folding.fold_numbers = true;
    json::Document doc;
    if (Status s = doc.parse(body, json::Mode::liberal, folding); !s.ok()) return s;
    const Value* embeddings = doc.root().get("embeddings");
    // Older versions have the list itself.
    const Value* list = embeddings && embeddings->is_object() ? embeddings->get("float") : embeddings;
    if (!list || !list->is_array()) return fail(Errc::protocol, "answer without embeddings");
    size_t i = 0;
    for (const Value& one : *list) {
        if (Status s = sink.put(i++, one); !s.ok()) return s;
    }
    sink.usage(read_billed(doc.root()));
    return kOk;
}

bool encode_rerank(const chat::RerankRequest& request, const dialects::EncodeOptions& options,
                   dialects::EncodedRequest& out, chat::ApiError& error)
{
    dialects::BodyEncoding e{request, options, out, error};
    json::Writer w(out.body);
    auto body = w.object();
    w.string_member("model", options.model);
    w.member("query", *request.query);
    if (request.top_n) w.member("top_n", *request.top_n);
    constexpr std::string_view kOwn[] = {"max_tokens_per_doc", "priority"};
    if (!leave_out_unknown(e, w, kOwn)) return false;
    auto documents = w.array("documents");
    for (const Value* one : request.documents) w.value(one->is_object() ? *one->find("text") : *one);
    return true;
}

Status decode_rerank(std::string_view body, const json::Limits& limits, chat::RerankSink& sink)
{
    json::Document doc;
    if (Status s = doc.parse(body, json::Mode::liberal, limits); !s.ok()) return s;
    const Value& root = doc.root();
    const Value* results = root.get("results");
    if (!results || !results->is_array()) return fail(Errc::protocol, "answer without results");
    for (const Value& one : *results) {
        const Value* index = one.get("index");
        const Value* score = one.get("relevance_score");
        std::optional<uint64_t> at = index ? index->to_uint() : std::nullopt;
        if (!at || !score) return fail(Errc::protocol, "result without index or score");
        if (Status s = sink.put(*at, *score); !s.ok()) return s;
    }
    if (const Value* id = root.get("id")) sink.id(*id);
    return kOk;
}

}  // namespace

constinit const dialects::Embeddings kEmbeddings = {
    .same_format = false,
    .batch = [](std::string_view) -> size_t { return kBatch; },
    .encode = encode_embeddings,
    .decode = decode_embeddings,
};

constinit const dialects::Rerank kRerank = {
    .same_format = false,
    .encode = encode_rerank,
    .decode = decode_rerank,
};

}  // namespace llm::cohere
