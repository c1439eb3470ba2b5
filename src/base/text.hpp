#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// ASCII and UTF-8 helpers. Nothing here depends on a locale.
namespace llm::text {

constexpr char to_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}
constexpr bool is_alpha(char c) noexcept
{
    return to_lower(c) >= 'a' && to_lower(c) <= 'z';
}
constexpr bool is_space(char c) noexcept
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
constexpr bool is_graphic(char c) noexcept
{
    return c > 0x20 && c < 0x7f;
}

// Case-insensitive for ASCII letters only.
bool iequals(std::string_view a, std::string_view b) noexcept;
bool icontains(std::string_view text, std::string_view part) noexcept;

// Without leading and trailing blanks, tabs, CR and LF.
std::string_view trim(std::string_view s) noexcept;

// The whole of `s` as a decimal number without sign; nothing else is accepted.
std::optional<uint64_t> to_uint(std::string_view s) noexcept;

// Length of the well-formed UTF-8 sequence that `s`, not empty, begins with; 0
// when there is none.
size_t sequence_size(std::string_view s) noexcept;

// True for well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates,
// nothing above U+10FFFF).
bool is_utf8(std::string_view s) noexcept;

// Appends `s` with every maximal ill-formed part replaced by U+FFFD.
void append_sanitized(std::string& out, std::string_view s);

// Writes one code point as 1..4 bytes of UTF-8 and returns how many; what is no
// code point, and a surrogate, becomes U+FFFD.
size_t encode_utf8(uint32_t code_point, char out[4]) noexcept;
void append_utf8(std::string& out, uint32_t code_point);

// True when every byte is printable ASCII without the blank, and there are
// 1..max of them: what may go into a header, a path or a log line unquoted.
bool is_token(std::string_view s, size_t max) noexcept;

}  // namespace llm::text
