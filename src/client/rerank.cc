#include "client/rerank.hpp"

#include "client/checker.hpp"
#include "json/writer.hpp"

namespace llm::client {

namespace {

using chat::RerankRequest;
using json::Value;

class Reader {
public:
    Reader(const RequestLimits& limits, RerankRequest& out, chat::ApiError& error)
        : limits_(limits), request_(out), c_(out, error)
    {
    }

    bool read(std::string_view body)
    {
        if (!c_.parse(body, limits_.json)) return false;
        for (const Value& member : request_.document.root()) {
            if (!member.is_null() && !read_member(member)) return false;
        }
        if (!request_.model) return c_.missing("model");
        if (!request_.query) return c_.missing("query");
        if (request_.documents.empty()) return c_.missing("documents");
        request_.unknown = c_.copy(std::span<const Value* const>(unknown_));
        return true;
    }

private:
    bool read_member(const Value& v)
    {
        if (v.key_is("model")) return c_.read_model(v);
        if (v.key_is("documents")) return read_documents(v);
        if (v.key_is("query")) {
            request_.query = &v;
            return c_.check(v, kString, {}, "query");
        }
        if (v.key_is("top_n")) {
            request_.top_n = &v;
            if (!c_.check(v, kNumber, {}, "top_n")) return false;
            if (v.to_uint().value_or(0) > 0) return true;
            return c_.bad("top_n", "Invalid 'top_n': expected a positive integer.", "invalid_value");
        }
        if (v.key_is("return_documents")) {
            request_.return_documents = v.is_true();
            return c_.check(v, kBool, {}, "return_documents");
        }
        unknown_.push_back(&v);
        return true;
    }

    bool read_documents(const Value& v)
    {
        if (!c_.check(v, kArray, {}, "documents")) return false;
        if (v.size() == 0) return c_.bad("documents", "Invalid 'documents': the array is empty.", "empty_array");
        if (v.size() > kMaxDocuments) {
            return c_.bad("documents",
                          "Invalid 'documents': the array has " + std::to_string(v.size()) + " elements, more than " +
                              std::to_string(kMaxDocuments) + '.',
                          "array_above_max_length");
        }
        std::span<const Value*> documents = c_.allocate<const Value*>(v.size());
        size_t i = 0;
        for (const Value& one : v) {
            Place place{"documents", i};
            if (!c_.check(one, kString | kObject, place)) return false;
            const Value* text = nullptr;
            if (one.is_object() && !c_.need(one, "text", kString, place, "text", text)) return false;
            documents[i++] = &one;
        }
        request_.documents = documents;
        return true;
    }

    const RequestLimits& limits_;
    RerankRequest& request_;
    BodyChecker c_;
    std::vector<const Value*> unknown_;
};

}  // namespace

bool read_rerank(std::string_view body, const RequestLimits& limits, RerankRequest& out, chat::ApiError& error)
{
    return Reader(limits, out, error).read(body);
}

RerankWriter::RerankWriter(const RerankRequest& request, std::string id, std::string model)
    : request_(request), id_(std::move(id)), model_(std::move(model)), renamed_(!model_.empty())
{
}

Status RerankWriter::put(size_t index, const Value& score)
{
    if (index >= request_.documents.size()) return fail(Errc::protocol, "score of a document that was not sent");
    if (!score.is_number()) return fail(Errc::protocol, "score that is no number");
    if (results_.size() >= request_.documents.size()) return fail(Errc::protocol, "more scores than documents");
    results_.push_back({index, std::string(score.raw())});
    return kOk;
}

void RerankWriter::id(const Value& id)
{
    std::string text = id.text();
    if (!text.empty() && text.size() <= kMaxName) id_ = std::move(text);
}

void RerankWriter::model(const Value& name)
{
    if (!renamed_) model_ = name.text().substr(0, kMaxName);
}

void RerankWriter::write(Rope& out) const
{
    json::Writer w(out);
    auto body = w.object();
    w.string_member("id", id_);
    w.string_member("model", model_.empty() ? request_.model_name : std::string_view(model_));
    {
        auto results = w.array("results");
        for (const Result& r : results_) {
            auto one = w.object();
            w.member("index", r.index);
            w.raw_member("relevance_score", r.score);
            if (!request_.return_documents) continue;
            const Value& document = *request_.documents[r.index];
            w.key("document");
            if (document.is_object()) {
                w.value(document);
            } else {
                auto object = w.object();
                w.member("text", document);
            }
        }
    }
    auto usage = w.object("usage");
    w.member("prompt_tokens", static_cast<uint64_t>(usage_.prompt));
    w.member("total_tokens", static_cast<uint64_t>(usage_.total()));
}

}  // namespace llm::client
