// Embeddings, of the Gemini API and of Vertex AI (wire format: gemini, section 11).
#include <array>

#include "base/text.hpp"
#include "dialects/encoding.hpp"
#include "dialects/gemini/gemini.hpp"

namespace llm::gemini {

namespace {

using json::Value;
using json::Writer;

constexpr size_t kBatch = 100;
constexpr size_t kVertexBatch = 250;

struct Task {
    std::string_view name;  // input_type
    std::string_view type;
};
constexpr std::array kTasks = {
    Task{"search_query", "RETRIEVAL_QUERY"},
    Task{"query", "RETRIEVAL_QUERY"},
    Task{"search_document", "RETRIEVAL_DOCUMENT"},
    Task{"document", "RETRIEVAL_DOCUMENT"},
    Task{"passage", "RETRIEVAL_DOCUMENT"},
    Task{"classification", "CLASSIFICATION"},
    Task{"clustering", "CLUSTERING"},
};

// The client's word for what the vectors are for, or Google's own.
std::string task_type(const Value* input_type)
{
    if (!input_type) return {};
    std::string type = input_type->text();
    for (const Task& task : kTasks) {
        if (text::iequals(type, task.name)) return std::string(task.type);
    }
    return type;
}

// What is in no call of either API.
bool check(dialects::BodyEncoding& e, const chat::EmbeddingsRequest& request)
{
    if (request.tokens) return e.refuse("input", "arrays of tokens cannot be sent");
    if (request.user && !e.drop("user")) return false;
    return e.leave_out_unknown();
}

// The members of one call to embedContent.
void write_one(Writer& w, const chat::EmbeddingsRequest& request, const Value& input, const std::string& type)
{
    {
        auto content = w.object("content");
        auto parts = w.array("parts");
        auto part = w.object();
        w.member("text", input);
    }
    if (!type.empty()) w.string_member("taskType", type);
    if (request.dimensions) w.member("outputDimensionality", *request.dimensions);
}

bool encode_embeddings(const chat::EmbeddingsRequest& request, chat::Part part, const dialects::EncodeOptions& options,
                       dialects::EncodedRequest& out, chat::ApiError& error)
{
    dialects::BodyEncoding e{request, options, out, error};
    if (!check(e, request)) return false;
    std::string type = task_type(request.input_type);
    Writer w(out.body);
    auto body = w.object();
    if (part.count == 1) {
        out.path = "/models/{model}:embedContent";
        write_one(w, request, *request.inputs[part.first], type);
        return true;
    }
    auto list = w.array("requests");
    for (const Value* input : request.inputs.subspan(part.first, part.count)) {
        auto one = w.object();
        w.string_member("model", "models/" + std::string(options.model));
        write_one(w, request, *input, type);
    }
    return true;
}

Status put_values(const Value& embedding, size_t index, chat::EmbeddingsSink& sink)
{
    const Value* values = embedding.get("values");
    if (!values) return fail(Errc::protocol, "embedding without values");
    return sink.put(index, *values);
}

// It counts no tokens.
Status decode_embeddings(std::string_view body, const json::Limits& limits, chat::EmbeddingsSink& sink)
{
    json::Limits folding = limits;
    folding.fold_numbers = true;
    json::Document doc;
    if (Status s = doc.parse(body, json::Mode::liberal, folding); !s.ok()) return s;
    if (const Value* one = doc.root().get("embedding")) return put_values(*one, 0, sink);
    const Value* all = doc.root().get("embeddings");
    if (!all || !all->is_array()) return fail(Errc::protocol, "answer without embeddings");
    size_t i = 0;
    for (const Value& one : *all) {
        if (Status s = put_values(one, i++, sink); !s.ok()) return s;
    }
    return kOk;
}

bool encode_predict(const chat::EmbeddingsRequest& request, chat::Part part, const dialects::EncodeOptions& options,
                    dialects::EncodedRequest& out, chat::ApiError& error)
{
    dialects::BodyEncoding e{request, options, out, error};
    if (!check(e, request)) return false;
    std::string type = task_type(request.input_type);
    Writer w(out.body);
    auto body = w.object();
    {
        auto list = w.array("instances");
        for (const Value* input : request.inputs.subspan(part.first, part.count)) {
            auto one = w.object();
            w.member("content", *input);
            if (!type.empty()) w.string_member("task_type", type);
        }
    }
    if (!request.dimensions) return true;
    auto parameters = w.object("parameters");
    w.member("outputDimensionality", *request.dimensions);
    return true;
}

Status decode_predict(std::string_view body, const json::Limits& limits, chat::EmbeddingsSink& sink)
{
    json::Limits folding = limits;
    folding.fold_numbers = true;
    json::Document doc;
    if (Status s = doc.parse(body, json::Mode::liberal, folding); !s.ok()) return s;
    const Value* all = doc.root().get("predictions");
    if (!all || !all->is_array()) return fail(Errc::protocol, "answer without predictions");
    chat::Usage usage;
    size_t i = 0;
    for (const Value& one : *all) {
        const Value* embedding = one.get("embeddings");
        if (!embedding) return fail(Errc::protocol, "prediction without embeddings");
        if (Status s = put_values(*embedding, i++, sink); !s.ok()) return s;
        const Value* statistics = embedding->get("statistics");
        const Value* count = statistics ? statistics->get("token_count") : nullptr;
        std::optional<uint64_t> tokens = count ? count->to_uint() : std::nullopt;
        if (!tokens || *tokens > INT32_MAX) continue;
        usage.known = true;
        usage.prompt += static_cast<int64_t>(*tokens);
    }
    if (usage.known) sink.usage(usage);
    return kOk;
}

}  // namespace

constinit const dialects::Embeddings kEmbeddings = {
    .same_format = false,
    .batch = [](std::string_view) -> size_t { return kBatch; },
    .encode = encode_embeddings,
    .decode = decode_embeddings,
};

constinit const dialects::Embeddings kVertexEmbeddings = {
    .same_format = false,
    // gemini-embedding-001 takes one text a call.
    .batch = [](std::string_view model) -> size_t { return model.starts_with("gemini") ? 1 : kVertexBatch; },
    .encode = encode_predict,
    .decode = decode_predict,
};

}  // namespace llm::gemini
