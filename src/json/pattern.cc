#include "json/pattern.hpp"

#include <array>
#include <cstring>

#include "json/scan.hpp"

namespace llm::json {

void Pattern::learn(const Document& document)
{
    std::string_view source = document.source_;
    if (source.size() > kMaxText || document.nodes_.size() > kMaxNodes) return;
    text_ = source;
    places_.clear();
    for (const Value& v : document.nodes_) {
        auto at = [&](const char* p) { return p ? static_cast<uint32_t>(p - source.data()) : 0; };
        places_.push_back({at(v.raw_), v.raw_len_, at(v.key_)});
    }
}

bool Pattern::fit(std::string_view text, Document& document)
{
    // Of each node: how far its end lies from where it is in the pattern.
    std::array<uint32_t, kMaxNodes> shift;
    std::array<bool, kMaxNodes> escaped;
    std::vector<Value>& nodes = document.nodes_;
    if (text_.empty() || text.size() > UINT32_MAX) return false;

    // Offsets wrap: a text may be shorter than the pattern.
    uint32_t moved = 0;
    size_t at = 0;    // in `text`
    size_t done = 0;  // in the pattern
    auto same = [&](size_t size) {
        return size <= text.size() - at && std::memcmp(text.data() + at, text_.data() + done, size) == 0;
    };
    for (size_t i = 0; i < nodes.size(); i++) {
        const Value& v = nodes[i];
        const Place& place = places_[i];
        escaped[i] = v.escaped_;
        shift[i] = moved;
        if (!v.is_string()) continue;

        size_t before = place.raw + 1 - done;  // with the opening quote
        if (!same(before)) return false;
        at += before;
        done = place.raw + place.raw_len;
        StringSpan span;
        size_t close;
        if (!scan_string(text, at - 1, span, close).ok()) return false;
        escaped[i] = span.escaped;
        moved = static_cast<uint32_t>(close + 1 - done);
        shift[i] = moved;
        at = close + 1;
    }
    size_t rest = text_.size() - done;
    if (rest != text.size() - at || !same(rest)) return false;

    uint32_t entered = 0;  // the shift in front of the node
    for (size_t i = 0; i < nodes.size(); i++) {
        Value& v = nodes[i];
        const Place& place = places_[i];
        v.raw_ = text.data() + uint32_t{place.raw + entered};
        if (v.key_) v.key_ = text.data() + uint32_t{place.key + entered};
        v.raw_len_ = place.raw_len + shift[i + v.span_ - 1] - entered;
        v.escaped_ = escaped[i];
        entered = shift[i];
    }
    document.source_ = text;
    return true;
}

}  // namespace llm::json
