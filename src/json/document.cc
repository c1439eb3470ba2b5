#include "json/document.hpp"

#include <cstring>

#include "base/text.hpp"
#include "json/builder.hpp"
#include "json/pattern.hpp"

namespace llm::json {

std::string_view escaped_prefix(std::string_view body, size_t max) noexcept
{
    if (body.size() <= max) return body;
    size_t end = 0;
    for (size_t at = 0; at <= max; at++) {
        // Behind an ASCII character, or a whole sequence of more bytes.
        if ((static_cast<unsigned char>(body[at]) & 0xc0) != 0x80) end = at;
        if (body[at] != '\\') continue;
        size_t skip = body[at + 1] == 'u' ? 5 : 1;
        // Two halves of a surrogate pair belong together.
        bool high = skip == 5 && text::to_lower(body[at + 2]) == 'd' &&
                    std::string_view("89abAB").find(body[at + 3]) != body.npos;
        if (high && body.substr(at + 6).starts_with("\\u")) skip = 11;
        at += skip;
    }
    return body.substr(0, end);
}

Document::Document() = default;
Document::~Document() = default;

Status Document::parse(std::string_view text, Mode mode, const Limits& limits)
{
    if (pattern_) pattern_->forget();
    source_ = text;
    if (text.size() > UINT32_MAX) return fail(Errc::too_large, "JSON text too large");
    if (mode == Mode::liberal && !text::is_utf8(text)) {
        mended_.clear();
        text::append_sanitized(mended_, text);
        source_ = mended_;
    }
    return build(*this, mode, limits);
}

Status Document::parse_next(std::string_view text, Mode mode, const Limits& limits)
{
    if (!pattern_) pattern_ = std::make_unique<Pattern>();
    if (pattern_->fit(text, *this)) return kOk;
    Status s = parse(text, mode, limits);
    if (s.ok()) pattern_->learn(*this);
    return s;
}

}  // namespace llm::json
