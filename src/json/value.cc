#include "json/value.hpp"

#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace llm::json {

namespace {

uint32_t hex4(std::string_view s) noexcept
{
    uint32_t value = 0;
    std::from_chars(s.data(), s.data() + 4, value, 16);
    return value;
}

// Decodes the escape at s[0] == '\\'; `used` gets its length in the source.
uint32_t decode_escape(std::string_view s, size_t& used) noexcept
{
    used = 2;
    switch (s[1]) {
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        case 'u':
            break;
        default:
            return static_cast<unsigned char>(s[1]);
    }

    used = 6;
    uint32_t high = hex4(s.substr(2, 4));
    bool is_high = high >= 0xd800 && high <= 0xdbff;
    if (is_high && s.size() >= 12 && s[6] == '\\' && s[7] == 'u') {
        uint32_t low = hex4(s.substr(8, 4));
        if (low >= 0xdc00 && low <= 0xdfff) {
            used = 12;
            return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return high;
}

}  // namespace

void append_decoded(std::string& out, std::string_view body)
{
    while (!body.empty()) {
        size_t plain = body.find('\\');
        if (plain == body.npos) {
            out += body;
            return;
        }
        out += body.substr(0, plain);
        body.remove_prefix(plain);
        size_t used;
        text::append_utf8(out, decode_escape(body, used));
        body.remove_prefix(used);
    }
}

bool decoded_equals(std::string_view body, bool escaped, std::string_view text) noexcept
{
    if (!escaped) return body == text;
    // Every escape is longer than what it stands for.
    if (body.size() <= text.size()) return false;
    while (!body.empty()) {
        if (body[0] != '\\') {
            if (text.empty() || text[0] != body[0]) return false;
            body.remove_prefix(1);
            text.remove_prefix(1);
            continue;
        }
        size_t used;
        uint32_t c = decode_escape(body, used);
        body.remove_prefix(used);
        char buf[4];
        size_t n = text::encode_utf8(c, buf);
        if (!text.starts_with(std::string_view(buf, n))) return false;
        text.remove_prefix(n);
    }
    return text.empty();
}

std::string_view Value::body() const noexcept
{
    return is_string() ? std::string_view(raw_ + 1, raw_len_ - 2) : std::string_view();
}

bool Value::is(std::string_view text) const noexcept
{
    return is_string() && decoded_equals(body(), escaped_, text);
}

std::string Value::text() const
{
    std::string out;
    append_decoded(out, body());
    return out;
}

std::optional<uint64_t> Value::to_uint() const noexcept
{
    return is_number() ? text::to_uint(raw()) : std::nullopt;
}

double Value::to_double() const noexcept
{
    double value = 0;
    if (!is_number()) return value;
    auto [end, error] = std::from_chars(raw_, raw_ + raw_len_, value);
    if (error != std::errc::result_out_of_range) return value;
    // Next to nothing, or beyond every bound.
    size_t exponent = raw().find_first_of("eE");
    if (exponent != std::string_view::npos && raw()[exponent + 1] == '-') return 0;
    return raw_[0] == '-' ? -HUGE_VAL : HUGE_VAL;
}

const Value* Value::find(std::string_view name) const noexcept
{
    if (!is_object()) return nullptr;
    const Value* hit = nullptr;
    for (const Value& member : *this) {
        // Most names differ in length.
        if (member.key_len_ != name.size() && !member.key_escaped_) continue;
        if (member.key_is(name)) hit = &member;
    }
    return hit;
}

const Value* Value::get(std::string_view name) const noexcept
{
    const Value* hit = find(name);
    return hit && !hit->is_null() ? hit : nullptr;
}

}  // namespace llm::json
