#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.hpp"
#include "json/value.hpp"

namespace llm::gemini {

// The arguments of a call that comes in pieces (wire format: gemini, section 9):
// each piece names its place by a path such as `$.stops[0].city`.
class PartialArgs {
public:
    // One element of `partialArgs`. `max` bounds the bytes of all of them.
    Status add(const json::Value& piece, size_t max);

    // The object they make, and an empty one from then on.
    std::string take();

private:
    struct Node {
        enum class Kind { none, object, array, string, other };
        Kind kind = Kind::none;
        std::string key;   // escaped: of a member
        std::string text;  // string: its inside, escaped; other: JSON
        std::vector<Node> children;
    };

    static Status descend(Node*& node, std::string_view& path);
    static Status member(Node*& node, std::string_view key);
    static Status element(Node*& node, std::string_view index);
    static void write(const Node& node, std::string& out);

    Node root_;
    size_t size_ = 0;
};

}  // namespace llm::gemini
