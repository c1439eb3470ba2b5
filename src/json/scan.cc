#include "json/scan.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/text.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace llm::json {

namespace {

constexpr bool is_hex(char c) noexcept
{
    return text::is_digit(c) || (text::to_lower(c) >= 'a' && text::to_lower(c) <= 'f');
}

constexpr bool is_plain(char c) noexcept
{
    auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

#if defined(__SSE2__)
// Which of 16 bytes are not plain: a quote, a backslash, a control character, a
// part of a longer UTF-8 sequence. Bit i stands for byte i.
inline uint32_t odd_of_16(const char* p) noexcept
{
    __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    // As signed numbers, bytes above 0x7f are below 0x20 as well.
    odd = _mm_or_si128(odd, _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)));
    return static_cast<uint32_t>(_mm_movemask_epi8(odd));
}

inline uint64_t odd_of_64(const char* p) noexcept
{
    auto part = [&](unsigned i) { return uint64_t{odd_of_16(p + size_t{16} * i)} << (16 * i); };
    return part(0) | part(1) | part(2) | part(3);
}
#endif

// What may stand behind a backslash alone.
constexpr bool is_escape(char c) noexcept
{
    switch (c) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't':
            return true;
        default:
            return false;
    }
}

// Length of the escape at text[at], 0 when it is none.
inline size_t escape_size(std::string_view text, size_t at) noexcept
{
    if (at + 1 >= text.size()) return 0;
    if (is_escape(text[at + 1])) return 2;
    if (text[at + 1] != 'u' || at + 6 > text.size()) return 0;
    for (size_t k = at + 2; k < at + 6; k++) {
        if (!is_hex(text[k])) return 0;
    }
    return 6;
}

}  // namespace

size_t common_prefix(std::string_view a, std::string_view b) noexcept
{
    size_t size = std::min(a.size(), b.size());
    size_t i = 0;
#if defined(__SSE2__)
    for (; i + 16 <= size; i += 16) {
        __m128i of_a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(a.data() + i));
        __m128i of_b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(b.data() + i));
        unsigned same = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(of_a, of_b)));
        if (same != 0xffff) return i + static_cast<size_t>(std::countr_one(same));
    }
#endif
    while (i < size && a[i] == b[i]) i++;
    return i;
}

size_t find_quote(std::string_view text, size_t from) noexcept
{
    if (from >= text.size()) return text.size();
    const void* hit = std::memchr(text.data() + from, '"', text.size() - from);
    return hit ? static_cast<size_t>(static_cast<const char*>(hit) - text.data()) : text.size();
}

namespace {

// Walks through the inside of a string from one byte that is not plain to the next.
class StringScan {
public:
    StringScan(std::string_view text, size_t from) noexcept : text_(text), at_(from) {}

    // At the closing quote on success.
    Status run() noexcept
    {
#if defined(__SSE2__)
        // Most strings are short.
        if (at_ + 16 <= text_.size() && !block(odd_of_16(text_.data() + at_), 16)) return status_;
        while (at_ + 64 <= text_.size()) {
            if (!block(odd_of_64(text_.data() + at_), 64)) return status_;
        }
#endif
        while (at_ < text_.size()) {
            if (is_plain(text_[at_])) {
                at_++;
            } else if (!step()) {
                return status_;
            }
        }
        return fail(Errc::bad_json, "unterminated string");
    }

    size_t at() const noexcept
    {
        return at_;
    }
    bool escaped() const noexcept
    {
        return escaped_;
    }

private:
    // Goes through a block of `size` bytes whose odd bytes are known; false at the
    // string's end, or where it is wrong.
    bool block(uint64_t odd, size_t size) noexcept
    {
        size_t begin = at_;
        while (odd != 0) {
            at_ = begin + static_cast<size_t>(std::countr_zero(odd));
            if (!step()) return false;
            // What belongs together may reach into the next block.
            if (at_ >= begin + size) return true;
            odd &= ~uint64_t{0} << (at_ - begin);
        }
        at_ = begin + size;
        return true;
    }

    // Steps over what begins at a byte that is not plain.
    bool step() noexcept
    {
        char c = text_[at_];
        if (c == '"') {
            if (ill_formed_) status_ = fail(Errc::bad_utf8, "string is not UTF-8");
            return false;
        }
        size_t size;
        if (c == '\\') {
            escaped_ = true;
            size = escape_size(text_, at_);
            if (size == 0) status_ = fail(Errc::bad_json, "bad escape in a string");
        } else if (static_cast<unsigned char>(c) < 0x20) {
            size = 0;
            status_ = fail(Errc::bad_json, "control character in a string");
        } else {
            size = text::sequence_size(text_.substr(at_));
            // Told at the end: what makes it no string at all goes first.
            if (size == 0) {
                ill_formed_ = true;
                size = 1;
            }
        }
        at_ += size;
        return size > 0;
    }

    std::string_view text_;
    size_t at_;
    bool escaped_ = false;
    bool ill_formed_ = false;
    Status status_;
};

}  // namespace

Status scan_string(std::string_view text, size_t open, StringSpan& out, size_t& close) noexcept
{
    StringScan scan(text, open + 1);
    Status s = scan.run();
    close = scan.at();
    out.escaped = scan.escaped();
    out.body = text.substr(open + 1, close - open - 1);
    return s;
}

}  // namespace llm::json
