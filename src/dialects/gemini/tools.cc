// The tools of a request (wire format: gemini, section 5).
#include "dialects/gemini/tools.hpp"

#include <algorithm>

namespace llm::gemini {

using namespace chat;
using Mode = ToolChoice::Mode;

bool ToolsWriter::write(Mode choice, const Value* schema)
{
    if (r_.tools.empty()) return true;
    {
        auto list = w_.array("tools");
        if (!write_functions(schema)) return false;
        for (const Tool& t : r_.tools) {
            if (!t.name) write_own_tool(*t.source);
        }
    }
    write_config(choice, schema);
    return true;
}

// All of them stand in one element of the list.
bool ToolsWriter::write_functions(const Value* schema)
{
    bool any = std::any_of(r_.tools.begin(), r_.tools.end(), [](const Tool& t) { return t.name; });
    if (!any && !schema) return true;
    auto element = w_.object();
    auto list = w_.array("functionDeclarations");
    for (size_t i = 0; i < r_.tools.size(); i++) {
        if (r_.tools[i].name && !write_function(r_.tools[i], i)) return false;
    }
    if (schema) write_json_tool(*schema);
    return true;
}

bool ToolsWriter::write_function(const Tool& t, size_t index)
{
    if (t.custom) return e_.refuse("tools[" + std::to_string(index) + ']', "custom tools have no equivalent");
    if (t.strict && t.strict->is_true() && !e_.drop("tools.strict")) return false;
    if (t.cache_control && !e_.drop("tools.cache_control")) return false;
    auto function = w_.object();
    w_.member("name", *t.name);
    if (t.description) w_.member("description", *t.description);
    write_parameters(t.parameters);
    return true;
}

// A function without arguments is one without this member.
void ToolsWriter::write_parameters(const Value* schema)
{
    if (is_empty_schema(schema)) return;
    if (e_.rules.json_schema) {
        w_.member("parametersJsonSchema", *schema);
    } else if (lists_members(*schema)) {
        write_schema(w_.key("parameters"), *schema);
    }
}

void ToolsWriter::write_json_tool(const Value& schema)
{
    auto function = w_.object();
    w_.string_member("name", e_.out.hints.json_tool);
    w_.key("description").begin_string();
    w_.part("Give the answer in this form.");
    if (const Value* more = r_.output.description) {
        w_.part(" ");
        w_.escaped_part(more->body());
    }
    w_.end_string();
    write_parameters(&schema);
}

// One of Gemini's: {"type":"googleSearch"}, or with members of its own.
void ToolsWriter::write_own_tool(const Value& tool)
{
    const Value* type = tool.find("type");
    auto object = w_.object();
    for (const Value& m : tool) {
        if (&m != type) w_.member(m.key(), m);
    }
    if (tool.size() == 1) {
        w_.key(type->body());
        auto empty = w_.object();
    }
}

void ToolsWriter::write_config(Mode choice, const Value* schema)
{
    // With a tool that stands for the answer's form, some tool must be called.
    if (schema) choice = choice == Mode::none ? Mode::named : Mode::required;
    bool limited = r_.tool_choice.allowed && !allowed_.none();
    if (choice == Mode::unset) return;
    auto config = w_.object("toolConfig");
    auto calling = w_.object("functionCallingConfig");
    switch (choice) {
        case Mode::none:
            w_.string_member("mode", "NONE");
            return;
        case Mode::required:
        case Mode::named:
            w_.string_member("mode", "ANY");
            break;
        default:
            // AUTO takes no list of names.
            w_.string_member("mode", limited ? "VALIDATED" : "AUTO");
            break;
    }
    if (schema && choice == Mode::named) {
        auto names = w_.array("allowedFunctionNames");
        w_.string(e_.out.hints.json_tool);
    } else if (!schema && (choice == Mode::named || limited)) {
        write_allowed_names(choice);
    }
}

void ToolsWriter::write_allowed_names(Mode choice)
{
    auto names = w_.array("allowedFunctionNames");
    if (choice == Mode::named) return w_.value(*r_.tool_choice.name);
    for (const Tool& t : r_.tools) {
        if (t.name && allowed_.has(t)) w_.value(*t.name);
    }
}

}  // namespace llm::gemini
