// Tools and output format of a request as a vendor takes them.
#include "dialects/openai/adapt.hpp"

namespace llm::openai {

namespace {

using namespace chat;
using json::Value;
using Mode = ToolChoice::Mode;
using Named = dialects::ToolQuirks::Named;

constexpr std::string_view kAnyObject =
    R"({"type":"json_schema","json_schema":{"name":"object","schema":{"type":"object"}}})";

class Tools {
public:
    explicit Tools(Adapter& a) noexcept : a_(a), r_(a.request), quirks_(a.quirks.tools) {}

    bool adapt()
    {
        if (!quirks_.taken) return r_.tools.empty() || a_.refuse("tools");
        if (r_.tools.empty()) return true;
        const Value* only = nullptr;
        if (!adapt_choice(only)) return false;
        if (only) return keep(*only);
        for (const Tool& t : r_.tools) {
            if (!adapt_strict(t, a_.splice)) return false;
            if (!t.cache_control) continue;
            const Value* function = t.source->get("function");
            bool outside = t.source->get("cache_control") || !function;
            if (!drop_cache_control(a_, outside ? *t.source : *function, *t.cache_control)) return false;
        }
        return true;
    }

private:
    // Sets `only` where a named choice becomes the only tool.
    bool adapt_choice(const Value*& only)
    {
        const ToolChoice& choice = r_.tool_choice;
        switch (choice.mode) {
            case Mode::none:
                return quirks_.none || a_.refuse("tool_choice", "calls cannot be forbidden");
            case Mode::required:
                return say_required();
            case Mode::named:
                if (quirks_.named == Named::object) return true;
                if (quirks_.named == Named::refused) return a_.refuse("tool_choice", "a call cannot be forced");
                only = choice.name;
                return say_required();
            default:
                return true;
        }
    }

    // A list of allowed tools is left to the vendor.
    bool say_required()
    {
        if (quirks_.required.empty()) return a_.refuse("tool_choice", "a call cannot be forced");
        const ToolChoice& choice = r_.tool_choice;
        if (choice.allowed || choice.source->is(quirks_.required)) return true;
        a_.splice.replace(choice.source->raw(), '"' + std::string(quirks_.required) + '"');
        return true;
    }

    bool adapt_strict(const Tool& t, json::Splice& splice)
    {
        if (quirks_.strict || !t.source->get("function")) return true;
        const Value& function = *t.source->get("function");
        const Value* strict = function.find("strict");
        if (!strict) return true;
        splice.remove(function, *strict);
        return !strict->is_true() || a_.drop("tools.strict");
    }

    // Of all the tools that one.
    bool keep(const Value& name)
    {
        for (const Tool& t : r_.tools) {
            if (!t.name || t.name->text() != name.text()) continue;
            json::Splice splice(t.source->raw());
            if (!adapt_strict(t, splice)) return false;
            Rope tool;
            splice.apply(tool);
            a_.splice.replace(r_.document.root().find("tools")->raw(), '[' + tool.str() + ']');
            return true;
        }
        return a_.refuse("tool_choice", "there is no tool of that name");
    }

    Adapter& a_;
    const Request& r_;
    const dialects::ToolQuirks& quirks_;
};

}  // namespace

bool adapt_tools(Adapter& a)
{
    return Tools(a).adapt();
}

bool adapt_format(Adapter& a)
{
    const OutputFormat& format = a.request.output;
    const dialects::FormatQuirks& quirks = a.quirks.format;
    if (!format.source) return true;
    switch (format.kind) {
        case OutputFormat::Kind::text:
            if (!quirks.text) a.splice.remove(a.request.document.root(), *format.source);
            return true;
        case OutputFormat::Kind::json_object:
            if (quirks.json_object) return true;
            if (!quirks.json_schema) return a.refuse("response_format");
            a.splice.replace(format.source->raw(), std::string(kAnyObject));
            return true;
        case OutputFormat::Kind::json_schema:
            return quirks.json_schema || a.refuse("response_format", "it takes no schema");
    }
    return true;
}

}  // namespace llm::openai
