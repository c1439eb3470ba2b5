#include "dialects/gemini/partial_args.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "json/writer.hpp"

namespace llm::gemini {

namespace {

using json::Value;

constexpr size_t kMaxSteps = 64;
constexpr size_t kNodeBytes = 64;  // what a place counts for besides its text

}  // namespace

Status PartialArgs::add(const Value& piece, size_t max)
{
    const Value* where = piece.get("jsonPath");
    if (!where || !where->is_string()) return fail(Errc::protocol, "piece of arguments without its place");
    size_ += kNodeBytes + piece.raw().size();
    if (size_ > max) return fail(Errc::too_large, "tool arguments too large");

    std::string path = where->text();
    std::string_view rest = path;
    if (!rest.starts_with('$')) return fail(Errc::protocol, "piece of arguments whose place is no path");
    rest.remove_prefix(1);
    Node* node = &root_;
    for (size_t steps = 0; !rest.empty(); steps++) {
        if (steps == kMaxSteps) return fail(Errc::too_deep, "tool arguments too deep");
        if (Status s = descend(node, rest); !s.ok()) return s;
    }
    if (const Value* text = piece.get("stringValue"); text && text->is_string()) {
        node->kind = Node::Kind::string;
        node->text += text->body();
        return kOk;
    }
    const Value* other = piece.get("numberValue");
    if (!other) other = piece.get("boolValue");
    node->kind = Node::Kind::other;
    node->text = other ? other->raw() : "null";
    return kOk;
}

// Takes `.name`, `['name']` or `[0]` off the front of the path.
Status PartialArgs::descend(Node*& node, std::string_view& path)
{
    constexpr Status kNoPath = {Errc::protocol, "piece of arguments whose place is no path"};
    if (path.front() == '.') {
        path.remove_prefix(1);
        size_t end = std::min(path.find_first_of(".["), path.size());
        std::string_view key = path.substr(0, end);
        path.remove_prefix(end);
        return member(node, key);
    }
    if (path.front() != '[') return kNoPath;
    path.remove_prefix(1);
    char quote = path.empty() ? '\0' : path.front();
    bool quoted = quote == '\'' || quote == '"';
    size_t end = quoted ? path.find(quote, 1) : path.find(']');
    if (end == path.npos) return kNoPath;
    std::string_view inside = quoted ? path.substr(1, end - 1) : path.substr(0, end);
    path.remove_prefix(end);
    if (quoted) path.remove_prefix(1);
    if (!path.starts_with(']')) return kNoPath;
    path.remove_prefix(1);
    return quoted ? member(node, inside) : element(node, inside);
}

Status PartialArgs::member(Node*& node, std::string_view key)
{
    if (node->kind != Node::Kind::object && node->kind != Node::Kind::none) {
        return fail(Errc::protocol, "pieces of arguments that contradict each other");
    }
    node->kind = Node::Kind::object;
    std::string escaped = json::quoted(key);
    for (Node& child : node->children) {
        if (child.key != escaped) continue;
        node = &child;
        return kOk;
    }
    node = &node->children.emplace_back();
    node->key = std::move(escaped);
    return kOk;
}

Status PartialArgs::element(Node*& node, std::string_view index)
{
    std::optional<uint64_t> at = text::to_uint(index);
    bool fits = node->kind == Node::Kind::array || node->kind == Node::Kind::none;
    // They come in order, so that a place is the last one or the next.
    if (!at || !fits || *at > node->children.size()) {
        return fail(Errc::protocol, "pieces of arguments that contradict each other");
    }
    node->kind = Node::Kind::array;
    if (*at == node->children.size()) node->children.emplace_back();
    node = &node->children[*at];
    return kOk;
}

void PartialArgs::write(const Node& node, std::string& out)
{
    bool array = node.kind == Node::Kind::array;
    switch (node.kind) {
        case Node::Kind::string:
            out.append("\"").append(node.text).append("\"");
            return;
        case Node::Kind::other:
            out += node.text;
            return;
        default:
            break;
    }
    out += array ? '[' : '{';
    for (const Node& child : node.children) {
        if (&child != &node.children.front()) out += ',';
        if (!array) out.append(child.key).append(":");
        write(child, out);
    }
    out += array ? ']' : '}';
}

std::string PartialArgs::take()
{
    std::string out;
    write(root_, out);
    if (root_.kind != Node::Kind::object) out = "{}";
    root_ = {};
    size_ = 0;
    return out;
}

}  // namespace llm::gemini
