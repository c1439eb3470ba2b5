#pragma once

#include <cstddef>
#include <string_view>

#include "base/status.hpp"

// The byte-level part of reading JSON: finding strings and where they end,
// sixteen bytes at a time. yajl stays the judge of the grammar.
namespace llm::json {

struct StringSpan {
    std::string_view body;  // between the quotes, still escaped
    bool escaped = false;   // holds a backslash
};

// Number of bytes that both begin with.
size_t common_prefix(std::string_view a, std::string_view b) noexcept;

// Position of the next `"` in `text` at or after `from`, or text.size().
size_t find_quote(std::string_view text, size_t from) noexcept;

// Reads the string whose opening quote is text[open]. On success `next` is the
// position of its closing quote. Checks what RFC 8259 asks of a string: escapes
// are known ones, no raw control characters, well-formed UTF-8.
Status scan_string(std::string_view text, size_t open, StringSpan& out, size_t& close) noexcept;

}  // namespace llm::json
