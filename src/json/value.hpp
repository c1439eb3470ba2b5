#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llm::json {

enum class Type : uint8_t { null, boolean, number, string, array, object };

// True when the decoded `body` equals `text`.
bool decoded_equals(std::string_view body, bool escaped, std::string_view text) noexcept;

// One node of a parsed document. Nodes lie in document order in one array, so
// a value's children follow it directly and `span_` steps over the subtree.
// Texts are slices of the source, still escaped: the source must outlive them.
class Value {
public:
    Type type() const noexcept { return type_; }
    bool is_null() const noexcept { return type_ == Type::null; }
    bool is_bool() const noexcept { return type_ == Type::boolean; }
    bool is_number() const noexcept { return type_ == Type::number; }
    bool is_string() const noexcept { return type_ == Type::string; }
    bool is_array() const noexcept { return type_ == Type::array; }
    bool is_object() const noexcept { return type_ == Type::object; }

    // The value as it stands in the source: quotes and brackets included.
    std::string_view raw() const noexcept { return {raw_, raw_len_}; }

    // A string without its quotes, still escaped; empty for other types.
    std::string_view body() const noexcept;
    bool escaped() const noexcept { return escaped_; }

    // The member name this value has in its object, still escaped.
    std::string_view key() const noexcept { return {key_, key_len_}; }
    bool key_is(std::string_view name) const noexcept
    {
        return key_escaped_ ? decoded_equals(key(), true, name) : key() == name;
    }

    bool is_true() const noexcept { return is_bool() && raw_[0] == 't'; }

    // True for a string whose decoded text is `text`.
    bool is(std::string_view text) const noexcept;

    // Decoded text of a string (UTF-8; a lone surrogate becomes U+FFFD).
    std::string text() const;

    // A number that is a plain non-negative integer.
    std::optional<uint64_t> to_uint() const noexcept;
    // Any number, as a double: for comparing with a bound, never for printing.
    // 0 for other types, infinite for what no double holds.
    double to_double() const noexcept;

    // An array of numbers that was read as one value (Limits::fold_numbers): its
    // elements stand in raw() alone.
    bool is_numbers() const noexcept { return is_array() && count_ > 0 && span_ == 1; }

    // Number of array elements or object members.
    size_t size() const noexcept { return count_; }

    // The member called `name`, or nullptr; nullptr too when this is no object.
    // The last one wins where a liberal parse let duplicates through.
    const Value* find(std::string_view name) const noexcept;
    // The same, but null counts as absent.
    const Value* get(std::string_view name) const noexcept;

    // Children of an array or object, in order.
    class Iterator {
    public:
        explicit Iterator(const Value* at) noexcept : at_(at) {}
        const Value& operator*() const noexcept { return *at_; }
        const Value* operator->() const noexcept { return at_; }
        Iterator& operator++() noexcept
        {
            at_ += at_->span_;
            return *this;
        }
        bool operator==(const Iterator&) const noexcept = default;

    private:
        const Value* at_;
    };
    Iterator begin() const noexcept { return Iterator(this + 1); }
    Iterator end() const noexcept { return Iterator(this + span_); }

private:
    friend class Builder;
    friend class Pattern;

    const char* raw_ = nullptr;
    const char* key_ = nullptr;
    uint32_t raw_len_ = 0;
    uint32_t key_len_ = 0;
    uint32_t span_ = 1;  // nodes in this subtree, this one included
    uint32_t count_ : 27 = 0;
    bool key_escaped_ : 1 = false;
    bool escaped_ : 1 = false;
    Type type_ : 3 = Type::null;
};

static_assert(sizeof(Value) == 32, "one document node is half a cache line");

// Decodes the inside of a JSON string (valid escapes assumed) onto `out`.
void append_decoded(std::string& out, std::string_view body);

}  // namespace llm::json
