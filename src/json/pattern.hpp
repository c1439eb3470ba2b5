#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json/document.hpp"

namespace llm::json {

// A text that yajl has judged, as a pattern for those that follow it: one that
// differs only inside string values has the same grammar and the same tree.
// Member names are part of the pattern.
class Pattern {
public:
    // Texts with more than that are not worth keeping: few follow that are alike.
    static constexpr size_t kMaxText = 4096;
    static constexpr size_t kMaxNodes = 96;

    void forget() noexcept { text_.clear(); }

    // Takes down what `document` has parsed, unless it is too large.
    void learn(const Document& document);

    // When `text` fits, turns the document's tree, which must be that of a text
    // that fits too, into the tree of `text`. When not, changes nothing.
    bool fit(std::string_view text, Document& document);

private:
    // A node's place in the pattern.
    struct Place {
        uint32_t raw;
        uint32_t raw_len;
        uint32_t key;
        bool escaped;
    };

    std::string text_;
    std::vector<Place> places_;
};

}  // namespace llm::json
