#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/rope.hpp"
#include "chat/delta.hpp"
#include "json/writer.hpp"

// What the writers of a chat completions answer share, streamed or whole.
namespace llm::client {

struct AnswerOptions {
    int64_t created = 0;         // seconds since the epoch
    std::string id;              // used when the provider gives none
    std::string model;           // written instead of the provider's when not empty
    bool include_usage = false;  // streams: the client asked for a usage chunk
};

std::string_view finish_reason_name(chat::FinishReason reason) noexcept;

// What a provider calls the answer and its model, cut to what is worth
// repeating in every chunk. An id that is cut is none.
inline constexpr size_t kMaxName = 256;
chat::Text answer_id(const chat::Text& given, const AnswerOptions& options) noexcept;
chat::Text answer_model(const chat::Text& given, const AnswerOptions& options) noexcept;

// A string value from a piece of text.
void write_text(json::Writer& w, const chat::Text& text);

// One element of `thinking_blocks`, the form in which clients of such gateways
// keep signed thinking and give it back. A stream's pieces carry an empty
// signature; the piece with the signature ends the block. `index` is of the
// block in a stream, where SDKs put lists together by it.
using BlockIndex = std::optional<uint32_t>;
void write_thinking(json::Writer& w, const chat::Text& text, const chat::Text& signature, BlockIndex index = {});
void write_redacted(json::Writer& w, const chat::Text& data, BlockIndex index = {});

void write_usage(json::Writer& w, const chat::Usage& usage);

// The `error` object's members: message, type, param and code.
void write_error(json::Writer& w, const chat::ApiError& error);

// A whole error body: {"error":{...}}.
std::string error_body(const chat::ApiError& error);

}  // namespace llm::client
