#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.hpp"
#include "json/value.hpp"

namespace llm::json {

// Nesting beyond this is refused whatever the limits say.
inline constexpr uint32_t kMaxDepth = 512;

struct Limits {
    uint32_t depth = 128;
    uint32_t values = 1U << 20;
    // An array of nothing but numbers becomes one node (Value::is_numbers) and
    // counts as one value: what vectors and token lists are made of.
    bool fold_numbers = false;
};

// strict: what a client may send. Duplicate member names and ill-formed UTF-8
// are errors.
// liberal: what a provider sends. The last duplicate wins, ill-formed UTF-8 is
// replaced by U+FFFD before parsing.
enum class Mode : uint8_t { strict, liberal };

// The longest part of a string's inside, of at most `max` bytes, that ends
// neither in an escape nor in a code point. Valid escapes and UTF-8 assumed.
std::string_view escaped_prefix(std::string_view body, size_t max) noexcept;

class Pattern;

// A JSON text and the tree over it. yajl judges the grammar; the tree only
// points into the text, so nothing is decoded, reformatted or copied.
//
// One Document can parse any number of texts in turn; it keeps its memory.
class Document {
public:
    Document();
    ~Document();

    // The text must stay alive and unchanged as long as values are used.
    // After a failure root() must not be called and where() tells the place.
    Status parse(std::string_view text, Mode mode, const Limits& limits = {});

    // The same for one of a series of texts, such as the events of a stream. Most
    // of them differ from the one before in what their strings hold and in nothing
    // else: then the tree fits, and only its strings are read. `mode` and `limits`
    // are those of the text before.
    Status parse_next(std::string_view text, Mode mode, const Limits& limits = {});

    const Value& root() const noexcept { return nodes_.front(); }

    // The text the tree points into: what was passed in, or its mended copy.
    std::string_view source() const noexcept { return source_; }

    // Place of the last failure, as a path such as `messages[2].content`
    // (empty for the top level). It quotes member names of the text.
    const std::string& where() const noexcept { return where_; }

private:
    friend class Builder;
    friend class Pattern;

    std::vector<Value> nodes_;
    std::vector<uint32_t> open_;  // containers not yet closed, outermost first
    std::string_view source_;
    std::string mended_;
    std::string where_;
    std::unique_ptr<Pattern> pattern_;  // of the text before, for parse_next()
};

}  // namespace llm::json
