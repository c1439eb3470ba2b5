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
    for (; i + 16 <= text.size(); i += 16) {
        __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + i));
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        unsigned stops = static_cast<unsigned>(_mm_movemask_epi8(stop));
        unsigned highs = static_cast<unsigned>(_mm_movemask_epi8(v));
        if (stops != 0) {
            int at = std::countr_zero(stops);
            if (highs & ((1U << at) - 1)) high = true;
            return i + static_cast<size_t>(at);
        }
        if (highs) high = true;
    }
#endif
    for (; i < text.size(); i++) {
        unsigned char c = static_cast<unsigned char>(text[i]);
        if (c == '"' || c == '\\' || c < 0x20) return i;
        if (c >= 0x80) high = true;
    }
    return i;
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
        if (i + 1 >= text.size()) return fail(Errc::bad_json, "unterminated string");
        char kind = text[i + 1];
        if (kind == 'u') {
            for (size_t k = i + 2; k < i + 6; k++) {
                if (k >= text.size()) return fail(Errc::bad_json, "unterminated string");
                if (!is_hex(text[k])) return fail(Errc::bad_json, "bad \\u escape in a string");
            }
            i += 6;
        } else if (kind != '\0' && std::strchr("\"\\/bfnrt", kind)) {
            i += 2;
        } else {
            return fail(Errc::bad_json, "unknown escape in a string");
        }
    }
    out.body = text.substr(open + 1, i - open - 1);
    close = i;
    if (high && !text::is_utf8(out.body)) return fail(Errc::bad_utf8, "string is not UTF-8");
    return kOk;
}

}  // namespace llm::json
