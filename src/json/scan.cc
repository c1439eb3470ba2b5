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

// First byte in [from, text.size()) that ends a plain run inside a string:
// a quote, a backslash or a control character. Sets `high` when the run
// holds bytes above 0x7f.
size_t plain_run(std::string_view text, size_t from, bool& high) noexcept
{
    size_t i = from;
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1f);
    __m128i seen = _mm_setzero_si128();
    for (; i + 16 <= text.size(); i += 16) {
        __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + i));
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        unsigned stops = static_cast<unsigned>(_mm_movemask_epi8(stop));
        if (stops != 0) {
            int at = std::countr_zero(stops);
            unsigned before = static_cast<unsigned>(_mm_movemask_epi8(v)) & ((1U << at) - 1);
            high = high || (before | static_cast<unsigned>(_mm_movemask_epi8(seen))) != 0;
            return i + static_cast<size_t>(at);
        }
        seen = _mm_or_si128(seen, v);
    }
    high = high || _mm_movemask_epi8(seen) != 0;
#endif
    for (; i < text.size(); i++) {
        unsigned char c = static_cast<unsigned char>(text[i]);
        if (c == '"' || c == '\\' || c < 0x20) return i;
        if (c >= 0x80) high = true;
    }
    return i;
}

// Length of the escape at text[at], 0 when it is none.
size_t escape_size(std::string_view text, size_t at) noexcept
{
    if (at + 1 >= text.size()) return 0;
    if (text[at + 1] == 'n') return 2;  // most of them
    switch (text[at + 1]) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'r':
        case 't':
            return 2;
        case 'u':
            break;
        default:
            return 0;
    }
    if (at + 6 > text.size()) return 0;
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

Status scan_string(std::string_view text, size_t open, StringSpan& out, size_t& close) noexcept
{
    bool high = false;
    out.escaped = false;
    size_t i = open + 1;
    for (;;) {
        i = plain_run(text, i, high);
        if (i >= text.size()) return fail(Errc::bad_json, "unterminated string");
        if (text[i] == '"') break;
        if (text[i] != '\\') return fail(Errc::bad_json, "control character in a string");

        out.escaped = true;
        size_t size = escape_size(text, i);
        if (size == 0) return fail(Errc::bad_json, "bad escape in a string");
        i += size;
    }
    out.body = text.substr(open + 1, i - open - 1);
    close = i;
    if (high && !text::is_utf8(out.body)) return fail(Errc::bad_utf8, "string is not UTF-8");
    return kOk;
}

}  // namespace llm::json
