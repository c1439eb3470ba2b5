#include "json/writer.hpp"

#include <charconv>

#include "base/text.hpp"

namespace llm::json {

namespace {

constexpr bool needs_escape(char c) noexcept
{
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

void append_escape(Rope& out, char c)
{
    constexpr char kHex[] = "0123456789abcdef";
    switch (c) {
        case '"':
            return out.append("\\\"");
        case '\\':
            return out.append("\\\\");
        case '\b':
            return out.append("\\b");
        case '\f':
            return out.append("\\f");
        case '\n':
            return out.append("\\n");
        case '\r':
            return out.append("\\r");
        case '\t':
            return out.append("\\t");
        default:
            break;
    }
    char code[] = {'\\', 'u', '0', '0', kHex[(c >> 4) & 0xf], kHex[c & 0xf]};
    out.append(std::string_view(code, sizeof(code)));
}

void append_escaped_utf8(Rope& out, std::string_view text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.size(); i++) {
        if (!needs_escape(text[i])) continue;
        out.append(text.substr(start, i - start));
        append_escape(out, text[i]);
        start = i + 1;
    }
    out.append(text.substr(start));
}

}  // namespace

void append_escaped(Rope& out, std::string_view text)
{
    if (text::is_utf8(text)) return append_escaped_utf8(out, text);
    std::string mended;
    text::append_sanitized(mended, text);
    append_escaped_utf8(out, mended);
}

void append_compact_escaped(Rope& out, std::string_view json)
{
    bool in_string = false;
    size_t start = 0;
    for (size_t i = 0; i < json.size(); i++) {
        char c = json[i];
        if (in_string && c == '\\') {
            i++;  // the escaped byte is no quote
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && text::is_space(c)) {
            append_escaped_utf8(out, json.substr(start, i - start));
            start = i + 1;
        }
    }
    append_escaped_utf8(out, json.substr(start));
}

void Writer::separate()
{
    if (comma_) out_.append(',');
    comma_ = true;
}

void Writer::open(char bracket)
{
    separate();
    out_.append(bracket);
    comma_ = false;
}

void Writer::close(char bracket)
{
    out_.append(bracket);
    comma_ = true;
}

Writer& Writer::key(std::string_view name)
{
    separate();
    out_.append('"');
    out_.append(name);
    out_.append("\":");
    comma_ = false;
    return *this;
}

void Writer::raw(std::string_view json)
{
    separate();
    out_.ref(json);
}

void Writer::copy(std::string_view json)
{
    separate();
    out_.append(json);
}

void Writer::number(uint64_t n)
{
    char buf[24];
    auto [end, error] = std::to_chars(buf, buf + sizeof(buf), n);
    separate();
    out_.append(std::string_view(buf, static_cast<size_t>(end - buf)));
}

void Writer::string(std::string_view text)
{
    begin_string();
    part(text);
    end_string();
}

void Writer::escaped(std::string_view body)
{
    begin_string();
    escaped_part(body);
    end_string();
}

void Writer::begin_string()
{
    separate();
    out_.append('"');
}

void Writer::part(std::string_view text)
{
    append_escaped(out_, text);
}

void Writer::escaped_part(std::string_view body)
{
    out_.ref(body);
}

void Writer::end_string()
{
    out_.append('"');
}

std::string quoted(std::string_view text)
{
    Rope out;
    Writer(out).string(text);
    return out.str();
}

}  // namespace llm::json
