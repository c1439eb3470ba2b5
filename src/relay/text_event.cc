#include "relay/text_event.hpp"

#include "json/scan.hpp"

namespace llm::relay {

using chat::Delta;
using chat::DeltaKind;

namespace {

constexpr std::string_view kPadding = "\"obfuscation\":\"";

// Reads the inside of the string that begins at data[at], up to and with its
// closing quote; false when it is no well-formed one.
bool read_string(std::string_view data, size_t at, std::string_view& body, size_t& next) noexcept
{
    json::StringSpan span;
    size_t close;
    if (!json::scan_string(data, at - 1, span, close).ok()) return false;
    body = span.body;
    next = close;
    return true;
}

}  // namespace

void TextEvent::learn(const wire::WireEvent& event, const Delta& delta)
{
    known_ = false;
    bool of_text = delta.kind == DeltaKind::text || delta.kind == DeltaKind::reasoning;
    std::string_view data = event.data;
    std::string_view text = delta.text.bytes;
    if (!of_text || text.empty() || !delta.text.escaped || data.size() > kMaxSize) return;
    // Written anew by the decoder, or a part of a string.
    bool inside = text.data() > data.data() && text.data() + text.size() < data.data() + data.size();
    if (!inside || text.data()[-1] != '"' || text.data()[text.size()] != '"') return;

    kind_ = delta.kind;
    choice_ = delta.choice;
    index_ = delta.index;
    type_ = event.type;
    size_t at = static_cast<size_t>(text.data() - data.data());
    head_ = data.substr(0, at);
    std::string_view rest = data.substr(at + text.size());
    size_t padding = rest.find(kPadding);
    padded_ = padding != rest.npos;
    tail_ = rest.substr(0, padded_ ? padding + kPadding.size() : rest.npos);
    end_ = {};
    if (padded_) {
        std::string_view ignored;
        size_t close;
        if (!read_string(rest, tail_.size(), ignored, close)) return;
        end_ = rest.substr(close);
    }
    known_ = true;
}

bool TextEvent::fits(const wire::WireEvent& event, Delta& delta) const noexcept
{
    std::string_view data = event.data;
    if (!known_ || event.type != type_ || !data.starts_with(head_)) return false;
    std::string_view text;
    size_t close;
    if (!read_string(data, head_.size(), text, close) || text.empty()) return false;
    std::string_view rest = data.substr(close);
    if (padded_) {
        if (!rest.starts_with(tail_)) return false;
        std::string_view ignored;
        if (!read_string(rest, tail_.size(), ignored, close)) return false;
        if (rest.substr(close) != end_) return false;
    } else if (rest != tail_) {
        return false;
    }
    delta = {.kind = kind_, .choice = choice_, .index = index_, .text = {text}};
    return true;
}

}  // namespace llm::relay
