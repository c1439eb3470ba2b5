#pragma once

#include <string>
#include <vector>

#include "client/completions/completions.hpp"

namespace llm::completions {

// Writes deltas as `chat.completion.chunk` events. One per answer.
//
// It keeps the rules clients rely on: one id, the role once a choice, the
// finish reason once, contiguous tool indexes, a usage chunk only for those
// who asked, `[DONE]` only after the provider said that it was done.
class StreamWriter final : public client::StreamWriter {
public:
    explicit StreamWriter(client::AnswerOptions options) : options_(std::move(options)) {}

    void put(const chat::Delta& delta, Rope& out) override;
    void fail(const chat::ApiError& error, Rope& out) override;
    void annotate(std::string_view name, std::string_view json, Rope& out) override;

private:
    struct Choice {
        bool role = false;
        bool finished = false;
    };

    Choice& choice(uint32_t index);
    void start(const chat::Delta& delta);
    void open_chunk(Rope& out);
    void open_choice(uint32_t index, Rope& out);
    void close_choice(Rope& out, std::string_view finish_reason);
    void close_chunk(Rope& out);
    void say_role(uint32_t index, Rope& out);
    void content(const chat::Delta& delta, Rope& out);
    void logprobs(const chat::Delta& delta, Rope& out);
    void finish(const chat::Delta& delta, Rope& out);
    void end(Rope& out);

    client::AnswerOptions options_;
    std::string head_;  // what every chunk starts with, once it is known
    std::vector<Choice> choices_;
    chat::Usage usage_;
};

inline constexpr std::string_view kDone = "data: [DONE]\n\n";

}  // namespace llm::completions
