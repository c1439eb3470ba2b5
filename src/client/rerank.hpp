#pragma once

#include <string>
#include <vector>

#include "base/rope.hpp"
#include "chat/rerank.hpp"
#include "client/format.hpp"

// `POST /v1/rerank`, in the form that Cohere, Jina, vLLM and other gateways
// share: {model, query, documents, top_n, return_documents}.
namespace llm::client {

// Cohere's own limit.
inline constexpr size_t kMaxDocuments = 10000;

// As Format::read.
bool read_rerank(std::string_view body, const RequestLimits& limits, chat::RerankRequest& out, chat::ApiError& error);

// Collects the order that a provider found.
class RerankWriter final : public chat::RerankSink {
public:
    // `request` outlives the writer. `id` and `model`: when not empty, `id` where
    // the provider gives none, `model` in any case.
    RerankWriter(const chat::RerankRequest& request, std::string id, std::string model);

    Status put(size_t index, const json::Value& score) override;
    void id(const json::Value& id) override;
    void model(const json::Value& name) override;
    void usage(const chat::Usage& usage) override { usage_ = usage; }

    bool empty() const noexcept { return results_.empty(); }
    const chat::Usage& usage() const noexcept { return usage_; }

    // The whole body. It refers to the client's one.
    void write(Rope& out) const;

private:
    struct Result {
        size_t index;
        std::string score;  // as the provider wrote the number
    };

    const chat::RerankRequest& request_;
    std::string id_, model_;
    bool renamed_;
    std::vector<Result> results_;
    chat::Usage usage_;
};

}  // namespace llm::client
