#pragma once

#include <string>
#include <vector>

#include "base/rope.hpp"
#include "chat/embeddings.hpp"
#include "client/format.hpp"

// `POST /v1/embeddings` (wire format: openai-chat, section 8).
namespace llm::client {

// OpenAI's own limit.
inline constexpr size_t kMaxInputs = 2048;

// As Format::read.
bool read_embeddings(std::string_view body, const RequestLimits& limits, chat::EmbeddingsRequest& out,
                     chat::ApiError& error);

// Collects the embeddings of all parts in the form the client asked for: as
// they came where that is it, converted where it is not.
class EmbeddingsWriter final : public chat::EmbeddingsSink {
public:
    // `request` outlives the writer.
    EmbeddingsWriter(const chat::EmbeddingsRequest& request, std::string model);

    // What is put from now on belongs to `part`.
    void begin(chat::Part part) noexcept { part_ = part; }

    Status put(size_t index, const json::Value& embedding) override;
    void model(const json::Value& name) override;
    void usage(const chat::Usage& usage) override;

    // Whether every input of the part has its embedding.
    bool complete() const noexcept;
    // Whether one had to be converted.
    bool converted() const noexcept { return converted_; }
    const chat::Usage& usage() const noexcept { return usage_; }

    // The whole body; it refers to the writer's memory.
    void write(Rope& out) const;

private:
    const chat::EmbeddingsRequest& request_;
    std::string model_;  // written instead of the provider's when it was given
    bool renamed_;
    chat::Part part_;
    std::vector<std::string> embeddings_;  // JSON each
    chat::Usage usage_;
    bool converted_ = false;
};

}  // namespace llm::client
