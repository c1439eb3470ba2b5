// JSON Schema for `output_config.format` (wire format: anthropic, section 10).
#include <algorithm>
#include <array>
#include <string>
#include <vector>

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

bool needs_rewrite(const Value& schema)
{
    if (!schema.is_object()) return false;
    for (const Value& m : schema) {
        if (is_unknown(schema, m) || m.key_is("oneOf")) return true;
    }
    const Value* additional = schema.find("additionalProperties");
    bool closed = additional && additional->is_bool() && !additional->is_true();
    if (is_object_schema(schema) && !closed) return true;
    return any_inside(schema, needs_rewrite);
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
    explicit RecursionFinder(const Value& root) noexcept : root_(root) {}

    bool follow(const Value& schema)
    {
        if (!schema.is_object()) return false;
        const Value* ref = schema.find("$ref");
        const Value* target = ref && ref->is_string() ? definition(ref->text()) : nullptr;
        if (target && follow_definition(*target)) return true;
        return any_inside(schema, [&](const Value& inner) { return follow(inner); });
    }

private:
    bool follow_definition(const Value& target)
    {
        if (contains(open_, target)) return true;
        if (contains(done_, target)) return false;
        open_.push_back(&target);
        bool found = follow(target);
        open_.pop_back();
        done_.push_back(&target);
        return found;
    }

    const Value* definition(const std::string& ref) const
    {
        size_t slash = ref.rfind('/');
        if (slash == ref.npos) return nullptr;
        for (std::string_view section : {"$defs", "definitions"}) {
            const Value* all = root_.find(section);
            const Value* one = all ? all->find(ref.substr(slash + 1)) : nullptr;
            if (one) return one;
        }
        return nullptr;
    }

    static bool contains(const std::vector<const Value*>& list, const Value& v)
    {
        return std::find(list.begin(), list.end(), &v) != list.end();
    }

    const Value& root_;
    std::vector<const Value*> open_, done_;
};

void write(Writer& w, const Value& schema);

void write_member(Writer& w, const Value& m)
{
    std::string_view key = m.key_is("oneOf") ? std::string_view("anyOf") : m.key();
    w.key(key);
    if (holds_named(m)) {
        auto object = w.object();
        for (const Value& inner : m) write(w.key(inner.key()), inner);
    } else if (holds_list(m)) {
        auto array = w.array();
        for (const Value& inner : m) write(w, inner);
    } else if (holds_one(m)) {
        write(w, m);
    } else {
        w.value(m);
    }
}

// What the grammar cannot enforce stays as advice to the model.
void write_description(Writer& w, const Value& schema)
{
    const Value* description = schema.find("description");
    if (description && !description->is_string()) description = nullptr;
    bool first = !description;
    w.key("description").begin_string();
    if (description) w.escaped_part(description->body());
    for (const Value& m : schema) {
        if (!is_unknown(schema, m)) continue;
        w.part(first ? "" : description ? " " : "; ");
        first = false;
        w.part("(");
        w.escaped_part(m.key());
        w.part(": ");
        w.part(m.raw());
        w.part(")");
    }
    w.end_string();
}

void write(Writer& w, const Value& schema)
{
    if (!needs_rewrite(schema)) return w.value(schema);
    bool advice = false;
    for (const Value& m : schema) advice = advice || is_unknown(schema, m);

    auto object = w.object();
    bool described = false;
    for (const Value& m : schema) {
        if (is_unknown(schema, m) || m.key_is("additionalProperties")) continue;
        if (m.key_is("description") && advice) {
            write_description(w, schema);
            described = true;
        } else {
            write_member(w, m);
        }
    }
    if (advice && !described) write_description(w, schema);
    if (is_object_schema(schema)) w.key("additionalProperties").boolean(false);
}

}  // namespace

void write_output_schema(Writer& w, const Value& schema)
{
    write(w, schema);
}

bool fits_output_format(const Value& schema)
{
    return !is_open(schema) && count_optional(schema) <= kMaxOptional && !RecursionFinder(schema).follow(schema);
}

}  // namespace llm::anthropic
