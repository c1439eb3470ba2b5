#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "chat/delta.hpp"
#include "json/writer.hpp"

// What the writers of answers share, whatever the format, streamed or whole.
namespace llm::client {

struct AnswerOptions {
    int64_t created = 0;         // seconds since the epoch
    std::string id;              // used when the provider gives none
    std::string model;           // written instead of the provider's when not empty
    bool include_usage = false;  // streams: the client asked for a usage chunk
    std::string echo = {};       // of the request, see Format::echo
};

// What a provider calls the answer and its model, cut to what is worth
// repeating in every chunk. An id that is cut is none.
inline constexpr size_t kMaxName = 256;
chat::Text answer_id(const chat::Text& given, const AnswerOptions& options) noexcept;
chat::Text answer_model(const chat::Text& given, const AnswerOptions& options) noexcept;

// A string value from a piece of text.
void write_text(json::Writer& w, const chat::Text& text);

// The inside of a JSON string.
void append_inside(Rope& out, const chat::Text& text);
std::string inside_of(const chat::Text& text);

// A string value from pieces that are the inside of one.
void write_inside(json::Writer& w, const Rope& inside);

}  // namespace llm::client
