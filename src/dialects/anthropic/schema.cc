// JSON Schema for `output_config.format` (wire format: anthropic, section 10).
#include <array>
#include <map>
#include <string>
#include <unordered_set>

#include "dialects/anthropic/anthropic.hpp"

namespace llm::anthropic {

namespace {

using json::Value;
using json::Writer;

constexpr std::array<std::string_view, 13> kUnknownKeywords = {
    "minimum", "maximum",  "exclusiveMinimum", "exclusiveMaximum", "multipleOf",    "minLength",     "maxLength",
    "pattern", "minItems", "maxItems",         "uniqueItems",      "minProperties", "maxProperties",
};

constexpr std::array<std::string_view, 10> kFormats = {
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
};

// Most optional properties that the grammar behind it takes, in all.
constexpr size_t kMaxOptional = 24;

template <size_t N>
bool one_of(const Value& v, const std::array<std::string_view, N>& names) noexcept
{
    for (std::string_view name : names) {
        if (v.is(name)) return true;
    }
    return false;
}

// `oneOf` becomes `anyOf`, unless that is taken.
bool is_unknown(const Value& schema, const Value& member) noexcept
{
    for (std::string_view name : kUnknownKeywords) {
        if (member.key_is(name)) return true;
    }
    if (member.key_is("not") || (member.key_is("oneOf") && schema.find("anyOf"))) return true;
    return member.key_is("format") && !one_of(member, kFormats);
}

bool is_object_schema(const Value& schema) noexcept
{
    const Value* type = schema.find("type");
    return (type && type->is("object")) || schema.find("properties");
}

// Members that hold schemas by name, a list of schemas, or one schema.
bool holds_named(const Value& m) noexcept
{
    return m.is_object() && (m.key_is("properties") || m.key_is("$defs") || m.key_is("definitions"));
}
bool holds_list(const Value& m) noexcept
{
    return m.is_array() && (m.key_is("anyOf") || m.key_is("oneOf") || m.key_is("allOf") || m.key_is("prefixItems"));
}
bool holds_one(const Value& m) noexcept
{
    return m.is_object() && m.key_is("items");
}

// Runs `visit` on every schema directly inside `schema` until one returns true.
template <class Visit>
bool any_inside(const Value& schema, Visit visit)
{
    for (const Value& m : schema) {
        if (holds_named(m) || holds_list(m)) {
            for (const Value& inner : m) {
                if (visit(inner)) return true;
            }
        } else if (holds_one(m) && visit(m)) {
            return true;
        }
    }
    return false;
}

// A map (an object whose member names are not listed) or a recursive schema.
bool is_open(const Value& schema)
{
    if (!schema.is_object()) return false;
    const Value* additional = schema.find("additionalProperties");
    if (additional && (additional->is_object() || additional->is_true())) return true;
    if (schema.find("patternProperties")) return true;
    if (is_object_schema(schema) && !schema.find("properties")) return true;
    const Value* ref = schema.find("$ref");
    if (ref && ref->is("#")) return true;
    return any_inside(schema, is_open);
}

size_t count_optional(const Value& schema)
{
    if (!schema.is_object()) return 0;
    size_t n = 0;
    if (const Value* properties = schema.find("properties"); properties && properties->is_object()) {
        const Value* required = schema.find("required");
        size_t named = required && required->is_array() ? required->size() : 0;
        n = properties->size() > named ? properties->size() - named : 0;
    }
    any_inside(schema, [&](const Value& inner) {
        n += count_optional(inner);
        return false;
    });
    return n;
}

// Finds a definition that refers to itself, directly or through others.
class RecursionFinder {
public:
    explicit RecursionFinder(const Value& root)
    {
        for (std::string_view section : {"definitions", "$defs"}) {
            const Value* all = root.find(section);
            if (!all || !all->is_object()) continue;
            for (const Value& one : *all) {
                std::string name;
                json::append_decoded(name, one.key());
                definitions_[name] = &one;
            }
        }
    }

    bool follow(const Value& schema)
    {
        if (!schema.is_object()) return false;
        const Value* ref = schema.find("$ref");
        const Value* target = ref && ref->is_string() ? definition(ref->text()) : nullptr;
        if (target && follow_definition(*target)) return true;
        return any_inside(schema, [&](const Value& inner) { return follow(inner); });
    }

private:
    // Longer chains of definitions count as endless ones.
    static constexpr size_t kMaxChain = 64;

    bool follow_definition(const Value& target)
    {
        if (done_.contains(&target)) return false;
        if (open_.size() == kMaxChain || !open_.insert(&target).second) return true;
        bool found = follow(target);
        open_.erase(&target);
        done_.insert(&target);
        return found;
    }

    const Value* definition(const std::string& ref) const
    {
        size_t slash = ref.rfind('/');
        auto found = slash == ref.npos ? definitions_.end() : definitions_.find(ref.substr(slash + 1));
        return found == definitions_.end() ? nullptr : found->second;
    }

    std::map<std::string, const Value*> definitions_;
    std::unordered_set<const Value*> open_, done_;
};

// Writes a schema in the form the provider takes; parts that have it already
// go as they are.
class SchemaWriter {
public:
    SchemaWriter(Writer& w, const Value& root) : w_(w) { find_changes(root); }

    void write(const Value& schema)
    {
        if (!changes_.contains(&schema)) return w_.value(schema);
        bool advice = false;
        for (const Value& m : schema) advice = advice || is_unknown(schema, m);

        auto object = w_.object();
        bool described = false;
        for (const Value& m : schema) {
            if (is_unknown(schema, m) || m.key_is("additionalProperties")) continue;
            if (m.key_is("description") && advice) {
                write_description(schema);
                described = true;
            } else {
                write_member(m);
            }
        }
        if (advice && !described) write_description(schema);
        if (is_object_schema(schema)) w_.key("additionalProperties").boolean(false);
    }

private:
    // Whether something in `schema` changes, in one walk over all of it.
    bool find_changes(const Value& schema)
    {
        if (!schema.is_object()) return false;
        const Value* additional = schema.find("additionalProperties");
        bool closed = additional && additional->is_bool() && !additional->is_true();
        bool changes = is_object_schema(schema) && !closed;
        for (const Value& m : schema) changes = changes || is_unknown(schema, m) || m.key_is("oneOf");
        any_inside(schema, [&](const Value& inner) {
            changes |= find_changes(inner);
            return false;
        });
        if (changes) changes_.insert(&schema);
        return changes;
    }

    void write_member(const Value& m)
    {
        w_.key(m.key_is("oneOf") ? std::string_view("anyOf") : m.key());
        if (holds_named(m)) {
            auto object = w_.object();
            for (const Value& inner : m) {
                w_.key(inner.key());
                write(inner);
            }
        } else if (holds_list(m)) {
            auto array = w_.array();
            for (const Value& inner : m) write(inner);
        } else if (holds_one(m)) {
            write(m);
        } else {
            w_.value(m);
        }
    }

    // What the grammar cannot enforce stays as advice to the model.
    void write_description(const Value& schema)
    {
        const Value* description = schema.find("description");
        if (description && !description->is_string()) description = nullptr;
        bool first = !description;
        w_.key("description").begin_string();
        if (description) w_.escaped_part(description->body());
        for (const Value& m : schema) {
            if (!is_unknown(schema, m)) continue;
            w_.part(first ? "" : description ? " " : "; ");
            first = false;
            w_.part("(");
            w_.escaped_part(m.key());
            w_.part(": ");
            w_.part(m.raw());
            w_.part(")");
        }
        w_.end_string();
    }

    Writer& w_;
    std::unordered_set<const Value*> changes_;
};

}  // namespace

void write_output_schema(Writer& w, const Value& schema)
{
    SchemaWriter(w, schema).write(schema);
}

bool fits_output_format(const Value& schema)
{
    return !is_open(schema) && count_optional(schema) <= kMaxOptional && !RecursionFinder(schema).follow(schema);
}

}  // namespace llm::anthropic
