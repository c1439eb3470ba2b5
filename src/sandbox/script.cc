#include <algorithm>

#include "base/rope.hpp"
#include "base/text.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "sandbox/sandbox.hpp"

namespace llm::sandbox {

namespace {

using json::Value;
using json::Writer;

constexpr size_t kMaxTokens = 100000;

// The text of a message's content: a string, or the text parts of an array.
// `result` gets the content of a tool_result part.
void collect_text(const Value* content, std::string& text, std::string& result)
{
    if (!content) return;
    if (content->is_string()) {
        text += content->text();
        return;
    }
    if (!content->is_array()) return;
    for (const Value& part : *content) {
        const Value* type = part.find("type");
        if (type && type->is("tool_result")) {
            std::string inner;
            collect_text(part.find("content"), result, inner);
        } else {
            collect_text(part.find("text"), text, result);
        }
    }
}

struct LastWord {
    std::string text;  // of the last user message
    bool from_tool = false;
};

LastWord last_word(const Value* messages)
{
    LastWord last;
    if (!messages || !messages->is_array()) return last;
    for (const Value& message : *messages) {
        const Value* role = message.find("role");
        bool tool = role && role->is("tool");
        if (!role || !(role->is("user") || tool)) continue;
        std::string text, result;
        collect_text(message.find("content"), text, result);
        last.from_tool = tool || !result.empty();
        last.text = result.empty() ? text : result;
    }
    return last;
}

// Something of the right type for every property of a tool's schema.
std::string sample_arguments(const Value* schema)
{
    Rope out;
    Writer w(out);
    {
        auto object = w.object();
        const Value* properties = schema ? schema->get("properties") : nullptr;
        if (properties && properties->is_object()) {
            for (const Value& p : *properties) {
                const Value* type = p.find("type");
                const Value* choices = p.find("enum");
                w.key(p.key());
                if (choices && choices->is_array() && choices->size() > 0) {
                    w.copy(choices->begin()->raw());
                } else if (type && (type->is("number") || type->is("integer"))) {
                    w.number(1);
                } else if (type && type->is("boolean")) {
                    w.boolean(true);
                } else if (type && type->is("array")) {
                    w.raw("[]");
                } else if (type && type->is("object")) {
                    w.raw("{}");
                } else {
                    w.string("sandbox");
                }
            }
        }
    }
    return out.str();
}

// required, any, a named function or a named tool.
bool is_forced(const Value* choice, std::string_view name)
{
    if (!choice) return false;
    if (choice->is("required") || choice->is("any")) return true;
    const Value* type = choice->find("type");
    if (type && type->is("any")) return true;
    const Value* function = choice->get("function");
    const Value* named = function ? function->find("name") : choice->find("name");
    return named && named->is(name);
}

void choose_tool(const Value& root, const LastWord& last, Script& out)
{
    const Value* tools = root.get("tools");
    if (!tools || !tools->is_array() || last.from_tool) return;
    const Value* choice = root.get("tool_choice");
    for (const Value& tool : *tools) {
        const Value* function = tool.get("function");
        const Value& body = function ? *function : tool;
        const Value* name = body.find("name");
        if (!name || !name->is_string()) continue;
        std::string text = name->text();
        if (!is_forced(choice, text) && !text::icontains(last.text, text)) continue;
        const Value* schema = body.get("parameters");
        out.tools.push_back({std::string(name->body()), sample_arguments(schema ? schema : body.get("input_schema"))});
        return;
    }
}

std::string escaped(std::string_view text)
{
    Rope out;
    json::append_escaped(out, text);
    return out.str();
}

// A token is a word with the blanks before it.
void split(std::string_view text, size_t limit, Script& out)
{
    while (!text.empty()) {
        if (out.tokens.size() == limit) {
            out.cut = true;
            return;
        }
        size_t word = std::min(text.find_first_not_of(" \t\r\n"), text.size());
        size_t end = std::min(text.find_first_of(" \t\r\n", word), text.size());
        out.tokens.push_back(escaped(text.substr(0, end)));
        text.remove_prefix(end);
    }
}

size_t token_limit(const Value& root)
{
    const Value* limit = root.get("max_completion_tokens");
    if (!limit) limit = root.get("max_tokens");
    uint64_t n = limit ? limit->to_uint().value_or(kMaxTokens) : kMaxTokens;
    return static_cast<size_t>(std::min<uint64_t>(n, kMaxTokens));
}

}  // namespace

bool read_script(std::string_view body, Script& out)
{
    json::Document doc;
    if (!doc.parse(body, json::Mode::liberal).ok() || !doc.root().is_object()) return false;
    const Value& root = doc.root();
    const Value* messages = root.get("messages");
    if (!messages || !messages->is_array() || messages->size() == 0) return false;

    const Value* stream = root.get("stream");
    const Value* options = root.get("stream_options");
    const Value* usage = options ? options->get("include_usage") : nullptr;
    const Value* model = root.get("model");
    out.stream = stream && stream->is_true();
    out.include_usage = usage && usage->is_true();
    out.model = model ? model->body() : std::string_view("sandbox");

    LastWord last = last_word(messages);
    choose_tool(root, last, out);
    if (out.tools.empty()) split(last.text.empty() ? "Hello from the sandbox." : last.text, token_limit(root), out);
    // Four bytes a token, as rough as the rule of thumb.
    out.prompt_tokens = static_cast<int64_t>((messages->raw().size() + 3) / 4);
    out.completion_tokens = static_cast<int64_t>(out.tools.empty() ? out.tokens.size() : 10);
    return true;
}

}  // namespace llm::sandbox
