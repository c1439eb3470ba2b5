#include "dialects/anthropic/blanks.hpp"

#include <cstdint>

#include "base/text.hpp"

namespace llm::anthropic {

namespace {

constexpr std::string_view kNoBreakSpace = "\xc2\xa0";
constexpr std::string_view kIdeographicSpace = "\xe3\x80\x80";
constexpr size_t kShortEscape = 2;  // \n
constexpr size_t kLongEscape = 6;   // \u3000
// Shorter texts are read again sooner than looked up.
constexpr size_t kWorthKnowing = 32;

bool is_blank_code(std::string_view hex) noexcept
{
    uint32_t code = 0;
    for (char c : hex) {
        uint32_t digit =
            text::is_digit(c) ? static_cast<uint32_t>(c - '0') : static_cast<uint32_t>(text::to_lower(c) - 'a') + 10;
        code = code * 16 + digit;
    }
    switch (code) {
        case '\t':
        case '\n':
        case '\r':
        case ' ':
        case 0xa0:
        case 0x3000:
            return true;
        default:
            return false;
    }
}

// Bytes of the escape that begins here, if it stands for a blank; else 0.
size_t blank_escape(std::string_view s) noexcept
{
    if (s.size() < kShortEscape) return 0;
    switch (s[1]) {
        case 'n':
        case 'r':
        case 't':
        case 'f':
            return kShortEscape;
        case 'u':
            return s.size() >= kLongEscape && is_blank_code(s.substr(2, 4)) ? kLongEscape : 0;
        default:
            return 0;
    }
}

// Bytes of the blank that begins here, as it stands in a JSON string, or 0.
size_t first_blank(std::string_view s) noexcept
{
    switch (s[0]) {
        case ' ':
            return 1;
        case '\\':
            return blank_escape(s);
        case '\xc2':
            return s.starts_with(kNoBreakSpace) ? kNoBreakSpace.size() : 0;
        case '\xe3':
            return s.starts_with(kIdeographicSpace) ? kIdeographicSpace.size() : 0;
        default:
            return 0;
    }
}

// The same for an escape that the text ends with. Behind an odd number of
// backslashes it is an escaped one and letters.
size_t last_escape(std::string_view s, size_t size) noexcept
{
    if (s.size() < size || s[s.size() - size] != '\\') return 0;
    std::string_view before = s.substr(0, s.size() - size);
    size_t slashes = before.size() - (before.find_last_not_of('\\') + 1);
    return slashes % 2 == 0 && blank_escape(s.substr(before.size())) == size ? size : 0;
}

size_t last_blank(std::string_view s) noexcept
{
    switch (s.back()) {
        case ' ':
            return 1;
        case '\xa0':
            return s.ends_with(kNoBreakSpace) ? kNoBreakSpace.size() : 0;
        case '\x80':
            return s.ends_with(kIdeographicSpace) ? kIdeographicSpace.size() : 0;
        case 'n':
        case 'r':
        case 't':
        case 'f':
            return last_escape(s, kShortEscape);
        case '0':
        case '9':
        case 'a':
        case 'A':
        case 'd':
        case 'D':
            return last_escape(s, kLongEscape);
        default:
            return 0;
    }
}

bool is_all_blank(std::string_view body) noexcept
{
    while (!body.empty()) {
        size_t n = first_blank(body);
        if (n == 0) return false;
        body.remove_prefix(n);
    }
    return true;
}

}  // namespace

bool Blanks::is_blank(const json::Value& text)
{
    std::string_view body = text.body();
    // Nearly every text: its first character tells.
    if (body.size() < kWorthKnowing || first_blank(body) == 0) return is_all_blank(body);
    auto [at, is_new] = known_.try_emplace(&text);
    if (is_new) at->second = is_all_blank(body);
    return at->second;
}

std::string_view trim_end(std::string_view body) noexcept
{
    while (!body.empty()) {
        size_t n = last_blank(body);
        if (n == 0) break;
        body.remove_suffix(n);
    }
    return body;
}

}  // namespace llm::anthropic
