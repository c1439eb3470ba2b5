#include "json/pattern.hpp"

#include <array>

#include "json/scan.hpp"

namespace llm::json {

void Pattern::learn(const Document& document)
{
    std::string_view source = document.source_;
    if (source.size() > kMaxText || document.nodes_.size() > kMaxNodes) return;
    places_.clear();
    for (const Value& v : document.nodes_) {
        auto at = [&](const char* p) { return p ? static_cast<uint32_t>(p - source.data()) : 0; };
        places_.push_back({at(v.raw_), v.raw_len_, at(v.key_), v.escaped_});
    }
    text_ = source;  // there is no pattern before it is whole
}

bool Pattern::fit(std::string_view text, Document& document)
{
    std::vector<Value>& nodes = document.nodes_;
    if (text_.empty() || text.size() > UINT32_MAX) return false;

    // Of each node: how far its end lies from where it is in the pattern.
    // Offsets wrap, as a text may be shorter.
    std::array<uint32_t, kMaxNodes> shift;
    std::array<bool, kMaxNodes> escaped;
    uint32_t moved = 0;
    size_t at = 0;  // the same place in `text` as `done` in the pattern
    size_t done = 0;
    size_t same = common_prefix(text, text_);
    for (size_t i = 0; i < nodes.size(); i++) {
        const Place& place = places_[i];
        shift[i] = moved;
        escaped[i] = place.escaped;
        if (!nodes[i].is_string() || place.raw + place.raw_len <= done + same) continue;

        // Here it differs: inside the string, or not at all as it must.
        if (place.raw + 1 > done + same) return false;
        StringSpan span;
        size_t close;
        if (!scan_string(text, at + place.raw - done, span, close).ok()) return false;
        done = place.raw + place.raw_len;
        at = close + 1;
        moved = static_cast<uint32_t>(at - done);
        shift[i] = moved;
        escaped[i] = span.escaped;
        same = common_prefix(text.substr(at), std::string_view(text_).substr(done));
    }
    if (done + same != text_.size() || at + same != text.size()) return false;

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
