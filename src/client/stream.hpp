#pragma once

#include <string>
#include <vector>

#include "base/rope.hpp"
#include "chat/delta.hpp"
#include "client/answer.hpp"

namespace llm::client {

// Writes deltas as `chat.completion.chunk` events. One per answer.
//
// It keeps the rules clients rely on: one id, the role once a choice, the
// finish reason once, contiguous tool indexes, a usage chunk only for those
// who asked, `[DONE]` only after the provider said that it was done.
class StreamWriter {
public:
    explicit StreamWriter(AnswerOptions options) : options_(std::move(options)) {}

    // Appends the chunks this delta makes (none, one or two) to `out`.
    void put(const chat::Delta& delta, Rope& out);

    // Appends the one chunk that tells of a failure in mid-stream. Nothing may
    // follow it.
    void fail(const chat::ApiError& error, Rope& out);

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
    void finish(const chat::Delta& delta, Rope& out);
    void end(Rope& out);

    AnswerOptions options_;
    std::string head_;  // what every chunk starts with, once it is known
    std::vector<Choice> choices_;
    chat::Usage usage_;
};

// `data: <json>` and a blank line; line ends inside become further data lines.
void append_event(Rope& out, std::string_view data);

// Keeps what stands between from taking a silent stream for a dead one.
inline constexpr std::string_view kPing = ": ping\n\n";
inline constexpr std::string_view kDone = "data: [DONE]\n\n";

}  // namespace llm::client
