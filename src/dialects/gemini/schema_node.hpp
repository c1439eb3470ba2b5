#pragma once

#include <string_view>
#include <vector>

#include "dialects/gemini/gemini.hpp"

namespace llm::gemini {

// The types a value may have, and whether it may be null.
struct SchemaTypes {
    std::vector<std::string_view> names;  // without null
    bool nullable = false;
};

// A schema with its references and `allOf` put in place.
struct SchemaNode {
    std::vector<const json::Value*> members;     // later ones count before former ones
    std::vector<const json::Value*> properties;  // objects
    std::vector<const json::Value*> required;    // arrays
    bool endless = false;                        // it refers to itself, or is too large
    bool nullable = false;                       // as a choice of what may be null

    const json::Value* find(std::string_view name) const noexcept;
    const json::Value* array(std::string_view name) const noexcept;
    SchemaTypes types() const;
};

// Reads the nodes of one schema. References inside of what they refer to, and
// inlined schemas beyond a size, make a node endless.
class SchemaReader {
public:
    explicit SchemaReader(const json::Value& root) noexcept : root_(root) {}

    // Adds `schema` to `node`. What it refers to stays open, while the node's own
    // members are read, until leave() is called with what this returns.
    size_t enter(const json::Value& schema, SchemaNode& node);
    void leave(size_t before) { open_.resize(before); }

private:
    void collect(const json::Value& schema, SchemaNode& node);
    const json::Value* resolve(std::string_view ref) const;

    const json::Value& root_;
    std::vector<const json::Value*> open_;     // what was referred to around the node
    std::vector<const json::Value*> chain_;    // what refers to the schema being added
    std::vector<const json::Value*> targets_;  // what was referred to by it
    size_t nodes_ = 0;
};

}  // namespace llm::gemini
