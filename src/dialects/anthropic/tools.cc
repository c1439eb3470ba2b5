// The tools of a request (wire format: anthropic, sections 5 and 6).
#include "dialects/anthropic/tools.hpp"

namespace llm::anthropic {

using namespace chat;

namespace {

// May an object have this `type`? A list of types is one of several.
bool takes_object(const Value& type)
{
    if (type.is_null() || type.is("object")) return true;
    if (!type.is_array()) return false;
    for (const Value& one : type) {
        if (one.is("object")) return true;
    }
    return false;
}

}  // namespace

bool write_tool(Encoder& e, const Tool& t, size_t index)
{
    if (t.custom) return e.refuse("tools[" + std::to_string(index) + ']', "custom tools have no equivalent");
    if (!t.name) {  // one of the provider's own tools, written for it
        e.w.value(*t.source);
        return true;
    }
    auto tool = e.w.object();
    e.w.member("name", *t.name);
    if (t.description) e.w.member("description", *t.description);
    write_input_schema(e.w, t.parameters);
    if (t.strict && t.strict->is_true()) {
        if (e.rules.json_schema) {
            e.w.key("strict").boolean(true);
        } else if (!e.drop("tools.strict")) {
            return false;
        }
    }
    if (t.cache_control) e.w.member("cache_control", *t.cache_control);
    return true;
}

// A schema of anything but an object goes as it is: the provider's error tells
// the client more than a schema it never wrote.
void write_input_schema(json::Writer& w, const Value* schema)
{
    w.key("input_schema");
    if (!schema || schema->size() == 0) return w.raw(R"({"type":"object","properties":{}})");
    const Value* type = schema->find("type");
    if (type && (type->is("object") || !takes_object(*type))) return w.value(*schema);
    auto object = w.object();
    if (!type) w.string_member("type", "object");
    for (const Value& m : *schema) {
        if (&m == type) {
            w.string_member("type", "object");
        } else {
            w.member(m.key(), m);
        }
    }
}

bool fits_input_schema(const Value& schema)
{
    const Value* type = schema.find("type");
    if (type && !takes_object(*type)) return false;
    return !schema.find("anyOf") && !schema.find("oneOf") && !schema.find("allOf");
}

}  // namespace llm::anthropic
