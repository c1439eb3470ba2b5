#pragma once

#include "chat/embeddings.hpp"
#include "chat/rerank.hpp"
#include "relay/task.hpp"

// What is answered whole: vectors and orders.
namespace llm::relay {

class EmbeddingsTask final : public Task {
public:
    bool read(std::string_view body, const client::RequestLimits& limits, chat::ApiError& error) override;
    const chat::RequestBody& request() const noexcept override { return request_; }
    std::unique_ptr<Call> call(const providers::Provider& provider, std::string_view model,
                               const Settings& settings) const override;

private:
    chat::EmbeddingsRequest request_;
};

class RerankTask final : public Task {
public:
    bool read(std::string_view body, const client::RequestLimits& limits, chat::ApiError& error) override;
    const chat::RequestBody& request() const noexcept override { return request_; }
    std::unique_ptr<Call> call(const providers::Provider& provider, std::string_view model,
                               const Settings& settings) const override;

private:
    chat::RerankRequest request_;
};

}  // namespace llm::relay
