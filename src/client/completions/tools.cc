// `tools`, `tool_choice` and `response_format` of a chat completions request.
#include "client/completions/reader.hpp"

namespace llm::completions {

using namespace chat;
using namespace client;

namespace {

bool read_tool(Checker& c, const Value& v, const Place& place, Tool& tool)
{
    const Value* type = nullptr;
    if (!c.check(v, kObject, place, "") || !c.need(v, "type", kString, place, "type", type)) return false;
    tool.source = &v;
    tool.cache_control = v.get("cache_control");
    const Value* body = nullptr;
    if (type->is("function")) {
        if (!c.need(v, "function", kObject, place, "function", body)) return false;
        if (!tool.cache_control) tool.cache_control = body->get("cache_control");
        return c.need(*body, "name", kString, place, "function.name", tool.name) &&
               c.take(*body, "description", kString, place, "function.description", tool.description) &&
               c.take(*body, "parameters", kObject, place, "function.parameters", tool.parameters) &&
               c.take(*body, "strict", kBool, place, "function.strict", tool.strict);
    }
    if (type->is("custom")) {
        tool.custom = true;
        if (!c.need(v, "custom", kObject, place, "custom", body)) return false;
        return c.need(*body, "name", kString, place, "custom.name", tool.name) &&
               c.take(*body, "description", kString, place, "custom.description", tool.description);
    }
    return true;  // a provider's own tool: `name` stays null
}

bool check_count(Checker& c, const Value& list, std::string_view param, size_t max)
{
    if (list.size() <= max) return true;
    std::string name(param);
    return c.bad(name, "Invalid '" + name + "': more than " + std::to_string(max) + " tools.",
                 "array_above_max_length");
}

bool read_allowed_tools(Checker& c, const Value& v, size_t max_tools)
{
    const Value* body = nullptr;
    const Value* mode = nullptr;
    if (!c.need(v, "allowed_tools", kObject, {}, "tool_choice.allowed_tools", body)) return false;
    if (!c.need(*body, "mode", kString, {}, "tool_choice.allowed_tools.mode", mode)) return false;
    c.request.tool_choice.mode = mode->is("required") ? ToolChoice::Mode::required : ToolChoice::Mode::automatic;
    constexpr std::string_view kList = "tool_choice.allowed_tools.tools";
    const Value*& allowed = c.request.tool_choice.allowed;
    return c.need(*body, "tools", kArray, {}, kList, allowed) && check_count(c, *allowed, kList, max_tools);
}

}  // namespace

bool read_tools(Checker& c, const Value& v, size_t max_tools)
{
    if (!c.check(v, kArray, {}, "tools") || !check_count(c, v, "tools", max_tools)) return false;
    std::span<Tool> tools = c.allocate<Tool>(v.size());
    Place place{"tools"};
    for (const Value& item : v) {
        if (!read_tool(c, item, place, tools[place.index])) return false;
        place.index++;
    }
    c.request.tools = tools;
    return true;
}

bool read_tool_choice(Checker& c, const Value& v, size_t max_tools)
{
    using Mode = ToolChoice::Mode;
    if (!c.check(v, kString | kObject, {}, "tool_choice")) return false;
    ToolChoice& choice = c.request.tool_choice;
    choice.source = &v;
    if (v.is_string()) {
        choice.mode = v.is("none")                      ? Mode::none
                      : v.is("auto")                    ? Mode::automatic
                      : v.is("required") || v.is("any") ? Mode::required
                                                        : Mode::unset;
        if (choice.mode != Mode::unset) return true;
        return c.bad("tool_choice", "Invalid 'tool_choice': expected 'none', 'auto', 'required' or an object.",
                     "invalid_value");
    }

    const Value* type = nullptr;
    if (!c.need(v, "type", kString, {}, "tool_choice.type", type)) return false;
    if (type->is("allowed_tools")) return read_allowed_tools(c, v, max_tools);
    choice.mode = Mode::named;
    std::string_view kind = type->is("custom") ? "custom" : "function";
    const Value* body = nullptr;
    return c.need(v, kind, kObject, {}, "tool_choice." + std::string(kind), body) &&
           c.need(*body, "name", kString, {}, "tool_choice." + std::string(kind) + ".name", choice.name);
}

bool read_response_format(Checker& c, const Value& v)
{
    const Value* type = nullptr;
    if (!c.check(v, kObject, {}, "response_format") || !c.need(v, "type", kString, {}, "response_format.type", type)) {
        return false;
    }
    OutputFormat& o = c.request.output;
    o.source = &v;
    if (type->is("json_object")) o.kind = OutputFormat::Kind::json_object;
    if (!type->is("json_schema")) return true;

    o.kind = OutputFormat::Kind::json_schema;
    const Value* body = nullptr;
    return c.need(v, "json_schema", kObject, {}, "response_format.json_schema", body) &&
           c.need(*body, "name", kString, {}, "response_format.json_schema.name", o.name) &&
           c.take(*body, "description", kString, {}, "response_format.json_schema.description", o.description) &&
           c.take(*body, "schema", kObject, {}, "response_format.json_schema.schema", o.schema) &&
           c.take(*body, "strict", kBool, {}, "response_format.json_schema.strict", o.strict);
}

}  // namespace llm::completions
