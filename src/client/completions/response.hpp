#pragma once

#include <string>
#include <vector>

#include "client/completions/completions.hpp"

namespace llm::completions {

// Collects deltas into one `chat.completion` object. One per answer.
class AnswerWriter final : public client::AnswerWriter {
public:
    explicit AnswerWriter(client::AnswerOptions options) : options_(std::move(options)) {}

    Status put(const chat::Delta& delta) override;

    void write(Rope& out) override;

private:
    struct Call {
        Rope id, name, arguments, signature;  // insides of JSON strings
    };
    struct Choice {
        Rope text, refusal, reasoning;
        Rope thinking;       // insides of the signed block being collected
        Rope images;         // elements of images, comma-separated
        Rope logprobs;       // elements of logprobs.content
        std::string blocks;  // finished elements of thinking_blocks, comma-separated
        std::vector<Call> calls;
        chat::FinishReason finish = chat::FinishReason::stop;
    };

    Call& call(Choice& choice, uint32_t index);
    void end_thinking(Choice& choice, const chat::Text& signature);
    void write_choice(json::Writer& w, Choice& choice, size_t index);

    client::AnswerOptions options_;
    std::string id_, model_;  // insides of JSON strings
    std::vector<Choice> choices_;
    chat::Usage usage_;
};

}  // namespace llm::completions
