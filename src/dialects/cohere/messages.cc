// The conversation of a request (wire format: cohere, section 2).
#include <algorithm>

#include "dialects/cohere/cohere.hpp"

namespace llm::cohere {

namespace {

using namespace chat;
using json::Value;
using json::Writer;

std::string_view role_of(const Message& m) noexcept
{
    switch (m.role) {
        case Role::system:
        case Role::developer:
            return "system";
        case Role::assistant:
            return "assistant";
        case Role::tool:
            return "tool";
        default:
            return "user";
    }
}

bool is_text(const Block& b) noexcept
{
    return b.kind == BlockKind::text || b.kind == BlockKind::refusal;
}

bool is_call(const Block& b) noexcept
{
    return b.kind == BlockKind::tool_call;
}

class Messages {
public:
    explicit Messages(Encoder& e) noexcept : e_(e), w_(e.w) {}

    bool write()
    {
        auto list = w_.array("messages");
        for (const Message& m : e_.request.messages) {
            if (!write_message(m)) return false;
            index_++;
        }
        return true;
    }

private:
    bool write_message(const Message& m)
    {
        if (m.role == Role::function) return refuse("role", "the role 'function' is deprecated, use 'tool'");
        if (m.name && !e_.drop("messages.name")) return false;
        if (m.cache_control && !e_.drop("cache_control")) return false;
        auto message = w_.object();
        w_.string_member("role", role_of(m));
        if (m.role == Role::tool) return write_result(m.blocks.front());
        if (m.role == Role::assistant) return write_assistant(m);
        return write_content(m.blocks);
    }

    bool write_result(const Block& result)
    {
        w_.member("tool_call_id", *result.id);
        return write_content(result.content);
    }

    bool write_assistant(const Message& m)
    {
        for (std::string_view member : {"function_call", "audio"}) {
            if (m.source->get(member)) return refuse(member, {});
        }
        bool calls = std::any_of(m.blocks.begin(), m.blocks.end(), is_call);
        return calls ? write_calls(m) : write_words(m);
    }

    // Beside calls there is no content: what was said is the plan.
    bool write_calls(const Message& m)
    {
        w_.key("tool_plan").begin_string();
        bool any = false;
        for (const Block& b : m.blocks) {
            if (!is_text(b)) continue;
            any = any || !b.text->body().empty();
            w_.escaped_part(b.text->body());
        }
        if (m.reasoning && !any) w_.escaped_part(m.reasoning->body());
        w_.end_string();
        if (m.reasoning && any && !e_.drop("messages.reasoning_content")) return false;
        if (has_thoughts(m) && !m.reasoning && !e_.drop("messages.thinking_blocks")) return false;

        auto list = w_.array("tool_calls");
        for (const Block& b : m.blocks) {
            if (!is_call(b)) continue;
            if (b.custom) return refuse("tool_calls", "custom tools cannot be sent");
            auto call = w_.object();
            w_.member("id", *b.id);
            w_.string_member("type", "function");
            auto function = w_.object("function");
            w_.member("name", *b.name);
            if (b.data->body().empty()) {
                w_.string_member("arguments", "{}");
            } else {
                w_.member("arguments", *b.data);
            }
        }
        return true;
    }

    static bool has_thoughts(const Message& m) noexcept
    {
        return std::any_of(m.blocks.begin(), m.blocks.end(), [](const Block& b) {
            return b.kind == BlockKind::thinking || b.kind == BlockKind::redacted_thinking;
        });
    }

    bool write_words(const Message& m)
    {
        bool thoughts = m.reasoning && !m.reasoning->body().empty();
        if (thoughts && !e_.thinks && !e_.drop("messages.reasoning_content")) return false;
        if (has_thoughts(m) && !thoughts && !e_.drop("messages.thinking_blocks")) return false;
        auto content = w_.array("content");
        if (thoughts && e_.thinks) {
            auto part = w_.object();
            w_.string_member("type", "thinking");
            w_.member("thinking", *m.reasoning);
        }
        for (const Block& b : m.blocks) {
            if (is_text(b) && !write_part(b)) return false;
            if (b.kind == BlockKind::other) return refuse("content", "no content part of this type can be sent");
        }
        return true;
    }

    bool write_content(std::span<const Block> blocks)
    {
        bool plain = blocks.size() == 1 && blocks[0].source->is_string();
        if (plain) {
            w_.member("content", *blocks[0].text);
            return true;
        }
        auto content = w_.array("content");
        for (const Block& b : blocks) {
            if (!write_part(b)) return false;
        }
        return true;
    }

    bool write_part(const Block& b)
    {
        if (b.cache_control && !e_.drop("cache_control")) return false;
        if (!is_text(b) && b.kind != BlockKind::image) {
            return refuse("content", "no content part of this type can be sent");
        }
        auto part = w_.object();
        if (is_text(b)) {
            w_.string_member("type", "text");
            w_.member("text", *b.text);
            return true;
        }
        w_.string_member("type", "image_url");
        auto image = w_.object("image_url");
        w_.member("url", *b.data);
        if (b.format) w_.member("detail", *b.format);
        return true;
    }

    bool refuse(std::string_view member, std::string_view why)
    {
        return e_.refuse("messages[" + std::to_string(index_) + "]." + std::string(member), why);
    }

    Encoder& e_;
    Writer& w_;
    size_t index_ = 0;
};

class Tools {
public:
    explicit Tools(Encoder& e) noexcept : e_(e), r_(e.request), w_(e.w) {}

    bool write()
    {
        const ToolChoice& choice = r_.tool_choice;
        using Mode = ToolChoice::Mode;
        if (r_.tools.empty()) return true;
        bool forced = choice.mode == Mode::required || choice.mode == Mode::named;
        if (forced && !any_allowed()) return e_.refuse("tool_choice", "none of the tools is allowed");
        if (forced) w_.string_member("tool_choice", "REQUIRED");
        // No list is as good as an empty one.
        bool none = choice.mode == Mode::none || !any_allowed();
        if (none) w_.string_member("tool_choice", "NONE");
        if (!write_strict()) return false;
        auto list = w_.array("tools");
        for (size_t i = 0; i < r_.tools.size(); i++) {
            if ((none || is_allowed(r_.tools[i])) && !write_tool(r_.tools[i], i)) return false;
        }
        return true;
    }

private:
    bool is_allowed(const Tool& t) const
    {
        const ToolChoice& choice = r_.tool_choice;
        if (!t.name) return false;
        if (choice.mode == ToolChoice::Mode::named) return t.name->text() == choice.name->text();
        if (!choice.allowed) return true;
        std::string name = t.name->text();
        for (const Value& entry : *choice.allowed) {
            const Value* function = entry.find("function");
            const Value* allowed = function ? function->find("name") : entry.find("name");
            if (allowed && allowed->is(name)) return true;
        }
        return false;
    }

    bool any_allowed() const
    {
        return std::any_of(r_.tools.begin(), r_.tools.end(), [&](const Tool& t) { return is_allowed(t); });
    }

    // All of them are, or none.
    bool write_strict()
    {
        auto is_strict = [](const Tool& t) { return t.strict && t.strict->is_true(); };
        if (std::none_of(r_.tools.begin(), r_.tools.end(), is_strict)) return true;
        if (!std::all_of(r_.tools.begin(), r_.tools.end(), is_strict)) return e_.drop("tools.strict");
        w_.key("strict_tools").boolean(true);
        return true;
    }

    bool write_tool(const Tool& t, size_t index)
    {
        if (t.custom || !t.name) {
            return e_.refuse("tools[" + std::to_string(index) + ']', "only functions have an equivalent");
        }
        if (t.cache_control && !e_.drop("cache_control")) return false;
        auto tool = w_.object();
        w_.string_member("type", "function");
        auto function = w_.object("function");
        w_.member("name", *t.name);
        if (t.description) w_.member("description", *t.description);
        if (t.parameters && t.parameters->size() > 0) {
            w_.member("parameters", *t.parameters);
        } else {
            w_.raw_member("parameters", R"({"type":"object","properties":{}})");
        }
        return true;
    }

    Encoder& e_;
    const Request& r_;
    Writer& w_;
};

}  // namespace

bool write_messages(Encoder& e)
{
    return Messages(e).write();
}

bool write_tools(Encoder& e)
{
    return Tools(e).write();
}

}  // namespace llm::cohere
