#include "base/text.hpp"

#include <bit>
#include <charconv>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace llm::text {

namespace {

// Length of the well-formed sequence that starts at s[0], or 0. `bad` gets the
// number of bytes that belong to the ill-formed part (at least 1).
size_t sequence(std::string_view s, size_t& bad) noexcept
{
    auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
    unsigned char lead = byte(0);
    bad = 1;
    if (lead < 0x80) return 1;

    size_t need;
    unsigned char low = 0x80, high = 0xbf;  // bounds of the second byte
    if (lead >= 0xc2 && lead <= 0xdf) {
        need = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        need = 3;
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        need = 4;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
    } else {
        return 0;
    }

    for (size_t i = 1; i < need; i++) {
        if (i >= s.size() || byte(i) < low || byte(i) > high) {
            bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return need;
}

size_t ascii_prefix(std::string_view s) noexcept
{
    size_t i = 0;
#if defined(__SSE2__)
    auto load = [&](size_t at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(s.data() + at)); };
    for (; i + 64 <= s.size(); i += 64) {
        __m128i all = _mm_or_si128(_mm_or_si128(load(i), load(i + 16)), _mm_or_si128(load(i + 32), load(i + 48)));
        if (_mm_movemask_epi8(all) != 0) break;
    }
    for (; i + 16 <= s.size(); i += 16) {
        unsigned high = static_cast<unsigned>(_mm_movemask_epi8(load(i)));
        if (high != 0) return i + static_cast<size_t>(std::countr_zero(high));
    }
#endif
    while (i < s.size() && static_cast<unsigned char>(s[i]) < 0x80) i++;
    return i;
}

}  // namespace

size_t sequence_size(std::string_view s) noexcept
{
    size_t bad;
    return sequence(s, bad);
}

bool iequals(std::string_view a, std::string_view b) noexcept
{
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); i++) {
        if (to_lower(a[i]) != to_lower(b[i])) return false;
    }
    return true;
}

bool icontains(std::string_view text, std::string_view part) noexcept
{
    for (size_t i = 0; i + part.size() <= text.size(); i++) {
        if (iequals(text.substr(i, part.size()), part)) return true;
    }
    return false;
}

std::string_view trim(std::string_view s) noexcept
{
    while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
    while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
    return s;
}

std::optional<uint64_t> to_uint(std::string_view s) noexcept
{
    uint64_t value = 0;
    auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
    if (s.empty() || error != std::errc{} || end != s.data() + s.size()) return std::nullopt;
    return value;
}

bool is_utf8(std::string_view s) noexcept
{
    while (!s.empty()) {
        s.remove_prefix(ascii_prefix(s));
        if (s.empty()) break;
        size_t bad;
        size_t n = sequence(s, bad);
        if (n == 0) return false;
        s.remove_prefix(n);
    }
    return true;
}

void append_sanitized(std::string& out, std::string_view s)
{
    while (!s.empty()) {
        size_t bad;
        size_t n = sequence(s, bad);
        if (n == 0) {
            out += "\xef\xbf\xbd";
            s.remove_prefix(bad);
        } else {
            out.append(s.data(), n);
            s.remove_prefix(n);
        }
    }
}

size_t encode_utf8(uint32_t c, char out[4]) noexcept
{
    auto put = [&](size_t i, uint32_t byte) { out[i] = static_cast<char>(byte); };
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) c = 0xfffd;
    if (c < 0x80) {
        put(0, c);
        return 1;
    }
    if (c < 0x800) {
        put(0, 0xc0 | (c >> 6));
        put(1, 0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        put(0, 0xe0 | (c >> 12));
        put(1, 0x80 | ((c >> 6) & 0x3f));
        put(2, 0x80 | (c & 0x3f));
        return 3;
    }
    put(0, 0xf0 | (c >> 18));
    put(1, 0x80 | ((c >> 12) & 0x3f));
    put(2, 0x80 | ((c >> 6) & 0x3f));
    put(3, 0x80 | (c & 0x3f));
    return 4;
}

void append_utf8(std::string& out, uint32_t code_point)
{
    char buf[4];
    out.append(buf, encode_utf8(code_point, buf));
}

bool is_token(std::string_view s, size_t max) noexcept
{
    if (s.empty() || s.size() > max) return false;
    for (char c : s) {
        if (!is_graphic(c)) return false;
    }
    return true;
}

}  // namespace llm::text
