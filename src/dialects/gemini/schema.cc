// JSON Schema as the OpenAPI subset of `responseSchema` and `parameters` (wire
// format: gemini, section 6).
#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dialects/gemini/schema_node.hpp"

namespace llm::gemini {

namespace {

using json::Value;
using json::Writer;
using Node = SchemaNode;
using Types = SchemaTypes;

// Nesting beyond this is given up for an object of any kind.
constexpr size_t kMaxDepth = 32;

// Members that go as they are, in this order.
constexpr std::array<std::string_view, 13> kPlain = {
    "title",   "default", "example",   "minItems",  "maxItems", "minProperties", "maxProperties",
    "minimum", "maximum", "minLength", "maxLength", "pattern",  "nullable",
};

// What the subset cannot say and is not implied: told in the description.
constexpr std::array<std::string_view, 8> kAdvice = {
    "multipleOf",       "uniqueItems",      "not", "additionalProperties", "patternProperties", "propertyNames",
    "exclusiveMinimum", "exclusiveMaximum",
};

struct Format {
    std::string_view type;
    std::string_view name;
};
constexpr std::array kFormats = {
    Format{"string", "enum"},   Format{"string", "date-time"}, Format{"number", "float"},
    Format{"number", "double"}, Format{"integer", "int32"},    Format{"integer", "int64"},
};

bool is_format(const Value& v, std::string_view type) noexcept
{
    return std::any_of(kFormats.begin(), kFormats.end(),
                       [&](const Format& f) { return f.type == type && v.is(f.name); });
}

class SchemaWriter {
public:
    SchemaWriter(Writer& w, const Value& root) : w_(w), reader_(root) {}

    void write(const Value& schema)
    {
        Node node;
        write(schema, node, nullptr);
    }

private:
    // `description`: of the schema around it, where this is one of its choices.
    void write(const Value& schema, Node& node, const Value* description)
    {
        size_t before = reader_.enter(schema, node);
        if (depth_ == kMaxDepth) node.endless = true;
        depth_++;
        write_node(node, description);
        depth_--;
        reader_.leave(before);
    }

    void write_node(Node& node, const Value* description)
    {
        Types types = node.types();
        std::vector<const Value*> choices = choices_of(node, types);
        while (choices.size() == 1 && !node.endless) {
            node = merged(node, *choices.front(), types.nullable);
            types = node.types();
            choices = choices_of(node, types);
        }
        if (node.endless) return write_any(node, types, description);
        if (!choices.empty()) return write_choices(node, types, choices);
        if (types.names.size() > 1) return write_types(node, types);

        auto object = w_.object();
        std::string_view type = types.names.empty() ? guess_type(node) : types.names.front();
        w_.string_member("type", type);
        write_members(node, types, type, description);
    }

    // The only choice, with what is said beside it.
    Node merged(const Node& node, const Value& choice, bool nullable)
    {
        Node out;
        out.nullable = nullable;
        reader_.enter(choice, out);
        for (const Value* m : node.members) {
            if (!m->key_is("anyOf") && !m->key_is("oneOf")) out.members.push_back(m);
        }
        out.required.insert(out.required.end(), node.required.begin(), node.required.end());
        return out;
    }

    void write_members(const Node& node, const Types& types, std::string_view type, const Value* description)
    {
        write_format(node, type);
        write_description(node, type, description);
        bool nullable = types.nullable;
        for (std::string_view name : kPlain) {
            const Value* m = node.find(name);
            if (!m || (name == "nullable" && nullable) || !fits(name, type)) continue;
            w_.member(name, *m);
        }
        if (fits("minimum", type)) {
            write_bound(node, "exclusiveMinimum", "minimum");
            write_bound(node, "exclusiveMaximum", "maximum");
        }
        if (nullable) w_.key("nullable").boolean(true);
        if (type == "string") write_enum(node);
        if (type == "array") write_items(node);
        if (type == "object") write_properties(node);
    }

    // Bounds of lengths and the like say something of one type only, and are
    // refused for another.
    static bool fits(std::string_view name, std::string_view type) noexcept
    {
        if (name.ends_with("Items")) return type == "array";
        if (name.ends_with("Properties")) return type == "object";
        if (name.ends_with("Length") || name == "pattern") return type == "string";
        if (name == "minimum" || name == "maximum") return type == "integer" || type == "number";
        return true;
    }

    // The branches of anyOf and oneOf but for null. An object's own members count
    // before choices of what else it must have.
    static std::vector<const Value*> choices_of(const Node& node, Types& types)
    {
        std::vector<const Value*> out;
        const Value* list = node.array("anyOf");
        if (!list) list = node.array("oneOf");
        if (!list || !node.properties.empty()) return out;
        for (const Value& one : *list) {
            const Value* type = one.find("type");
            if (type && type->is("null")) {
                types.nullable = true;
            } else if (one.is_object()) {
                out.push_back(&one);
            }
        }
        return out;
    }

    static std::string_view guess_type(const Node& node) noexcept
    {
        if (!node.properties.empty() || node.find("additionalProperties")) return "object";
        if (node.find("items") || node.find("prefixItems")) return "array";
        const Value* one = node.find("const");
        const Value* values = node.array("enum");
        if (!one && values && values->size() > 0) one = &*values->begin();
        if (one && one->is_number()) return "number";
        return one && one->is_bool() ? "boolean" : "string";
    }

    void write_any(const Node& node, const Types& types, const Value* description)
    {
        auto object = w_.object();
        w_.string_member("type", "object");
        if (const Value* own = node.find("description")) description = own;
        if (description && description->is_string()) w_.member("description", *description);
        if (types.nullable) w_.key("nullable").boolean(true);
    }

    // Nothing may stand beside anyOf: what is said of all goes into each.
    void write_choices(const Node& node, const Types& types, const std::vector<const Value*>& choices)
    {
        auto object = w_.object();
        auto list = w_.array("anyOf");
        for (const Value* one : choices) {
            Node branch;
            branch.nullable = types.nullable;
            write(*one, branch, node.find("description"));
        }
    }

    void write_types(const Node& node, const Types& types)
    {
        auto object = w_.object();
        auto list = w_.array("anyOf");
        for (std::string_view type : types.names) {
            auto one = w_.object();
            w_.string_member("type", type);
            write_members(node, types, type, nullptr);
        }
    }

    void write_format(const Node& node, std::string_view type)
    {
        const Value* format = node.find("format");
        if (format && is_format(*format, type)) w_.member("format", *format);
    }

    void write_bound(const Node& node, std::string_view exclusive, std::string_view bound)
    {
        const Value* v = node.find(exclusive);
        if (v && v->is_number() && !node.find(bound)) w_.member(bound, *v);
    }

    // Only texts can be listed, and none of them empty.
    static bool is_listed(const Node& node) noexcept
    {
        const Value* values = node.array("enum");
        if (!values) {
            const Value* one = node.find("const");
            return one && one->is_string() && !one->body().empty();
        }
        bool any = false;
        for (const Value& v : *values) {
            if (!v.is_string() && !v.is_null()) return false;
            any |= v.is_string() && !v.body().empty();
        }
        return any;
    }

    void write_enum(const Node& node)
    {
        if (!is_listed(node)) return;
        auto list = w_.array("enum");
        const Value* values = node.array("enum");
        if (!values) return w_.value(*node.find("const"));
        for (const Value& v : *values) {
            if (v.is_string() && !v.body().empty()) w_.value(v);
        }
    }

    void write_items(const Node& node)
    {
        w_.key("items");
        const Value* items = node.find("items");
        const Value* first = node.array("prefixItems");
        if (!first && items && items->is_array()) first = items;  // of old drafts
        if (first && first->size() > 0) return write(*first->begin());
        if (items && items->is_object()) return write(*items);
        w_.raw(R"({"type":"string"})");
    }

    // `propertyOrdering` keeps the order: without it the answer's is alphabetical.
    void write_properties(const Node& node)
    {
        std::vector<const Value*> all = properties_of(node);
        if (all.empty()) return;
        {
            auto object = w_.object("properties");
            for (const Value* one : all) {
                w_.key(one->key());
                write(*one);
            }
        }
        {
            auto order = w_.array("propertyOrdering");
            for (const Value* one : all) w_.escaped(one->key());
        }
        std::unordered_set<std::string> names;
        for (const Value* list : node.required) {
            for (const Value& one : *list) names.insert(one.text());
        }
        std::erase_if(all, [&](const Value* one) { return !names.contains(decoded_key(*one)); });
        if (all.empty()) return;
        auto required = w_.array("required");
        for (const Value* one : all) w_.escaped(one->key());
    }

    static std::string decoded_key(const Value& v)
    {
        std::string name;
        json::append_decoded(name, v.key());
        return name;
    }

    // Each name once: the last one counts.
    static std::vector<const Value*> properties_of(const Node& node)
    {
        std::vector<const Value*> all;
        std::unordered_map<std::string_view, size_t> places;
        for (const Value* object : node.properties) {
            for (const Value& one : *object) {
                auto [at, is_new] = places.try_emplace(one.key(), all.size());
                if (is_new) {
                    all.push_back(&one);
                } else {
                    all[at->second] = &one;
                }
            }
        }
        return all;
    }

    void write_description(const Node& node, std::string_view type, const Value* otherwise)
    {
        const Value* description = node.find("description");
        if (!description) description = otherwise;
        if (description && !description->is_string()) description = nullptr;
        std::vector<const Value*> advice = advice_of(node, type);
        if (!description && advice.empty()) return;
        w_.key("description").begin_string();
        if (description) w_.escaped_part(description->body());
        for (const Value* m : advice) {
            bool first = m == advice.front();
            w_.part(!first ? "; " : description ? " " : "");
            w_.part("(");
            w_.escaped_part(m->key());
            w_.part(": ");
            w_.part(m->raw());
            w_.part(")");
        }
        w_.end_string();
    }

    static std::vector<const Value*> advice_of(const Node& node, std::string_view type)
    {
        std::vector<const Value*> out;
        for (std::string_view name : kAdvice) {
            const Value* m = node.find(name);
            if (m && !(m->is_bool() && (name == "additionalProperties" || !m->is_true()))) out.push_back(m);
        }
        for (std::string_view name : {"enum", "const"}) {
            const Value* m = node.find(name);
            if (m && !is_listed(node)) out.push_back(m);
        }
        const Value* format = node.find("format");
        if (format && !is_format(*format, type)) out.push_back(format);
        return out;
    }

    Writer& w_;
    SchemaReader reader_;
    size_t depth_ = 0;
};

}  // namespace

bool is_empty_schema(const Value* schema) noexcept
{
    if (!schema || schema->size() == 0) return true;
    const Value* properties = schema->find("properties");
    if (properties && properties->size() > 0) return false;
    for (const Value& m : *schema) {
        bool says_nothing = m.key_is("type") || m.key_is("properties") || m.key_is("additionalProperties") ||
                            m.key_is("required") || m.key_is("$schema") || m.key_is("title") || m.key_is("description");
        if (!says_nothing || (m.key_is("additionalProperties") && !m.is_bool())) return false;
    }
    const Value* type = schema->find("type");
    return !type || type->is("object");
}

bool lists_members(const Value& schema) noexcept
{
    for (std::string_view name : {"$ref", "allOf", "anyOf", "oneOf"}) {
        if (schema.find(name)) return true;
    }
    const Value* properties = schema.find("properties");
    return properties && properties->size() > 0;
}

void write_schema(Writer& w, const Value& schema)
{
    SchemaWriter(w, schema).write(schema);
}

}  // namespace llm::gemini
