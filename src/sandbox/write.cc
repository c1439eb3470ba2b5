// The script in a provider's own words.
#include "base/rope.hpp"
#include "chat/delta.hpp"
#include "client/completions/response.hpp"
#include "client/completions/stream.hpp"
#include "json/writer.hpp"
#include "sandbox/sandbox.hpp"

namespace llm::sandbox {

namespace {

using chat::Delta;
using chat::DeltaKind;
using json::Writer;

constexpr std::string_view kId = "sandbox-1";
constexpr std::string_view kCallId = "call_sandbox_1";

chat::FinishReason finish_of(const Script& s) noexcept
{
    if (!s.tools.empty()) return chat::FinishReason::tool_calls;
    return s.cut ? chat::FinishReason::length : chat::FinishReason::stop;
}

// OpenAI's own format is what the gateway writes for its clients.
template <class Put>
void play(const Script& s, Put put)
{
    chat::Usage usage;
    usage.known = true;
    usage.prompt = s.prompt_tokens;
    usage.completion = s.completion_tokens;
    put(Delta{.kind = DeltaKind::start, .id = {kId}, .model = {s.model}});
    put(Delta{.kind = DeltaKind::role});
    for (const std::string& token : s.tokens) put(Delta{.kind = DeltaKind::text, .text = {token}});
    for (const ToolUse& tool : s.tools) {
        put(Delta{.kind = DeltaKind::tool_start, .text = {tool.name}, .id = {kCallId}});
        put(Delta{.kind = DeltaKind::tool_args, .text = {tool.arguments, false}});
    }
    put(Delta{.kind = DeltaKind::finish, .finish = finish_of(s)});
    put(Delta{.kind = DeltaKind::usage, .usage = &usage});
    put(Delta{.kind = DeltaKind::end});
}

std::vector<std::string> write_openai(const Script& s, int64_t created)
{
    client::AnswerOptions options;
    options.created = created;
    options.include_usage = s.include_usage;
    std::vector<std::string> out;
    if (s.stream) {
        completions::StreamWriter writer(options);
        play(s, [&](const Delta& d) {
            Rope events = Rope::copying();
            writer.put(d, events);
            if (!events.empty()) out.push_back(events.str());
        });
        return out;
    }
    completions::AnswerWriter writer(options);
    play(s, [&](const Delta& d) { (void)writer.put(d); });
    Rope body;
    writer.write(body);
    out.push_back(body.str());
    return out;
}

std::string_view stop_reason(const Script& s) noexcept
{
    if (!s.tools.empty()) return "tool_use";
    return s.cut ? "max_tokens" : "end_turn";
}

void write_anthropic_usage(Writer& w, int64_t input, int64_t output)
{
    auto usage = w.object("usage");
    w.member("input_tokens", static_cast<uint64_t>(input));
    w.member("cache_creation_input_tokens", uint64_t{0});
    w.member("cache_read_input_tokens", uint64_t{0});
    w.member("output_tokens", static_cast<uint64_t>(output));
}

// The message object: complete, or as a stream begins it.
void write_message(Writer& w, const Script& s, bool complete)
{
    auto message = w.object();
    w.string_member("id", "msg_sandbox_1");
    w.string_member("type", "message");
    w.string_member("role", "assistant");
    w.key("model").escaped(s.model);
    {
        auto content = w.array("content");
        if (complete && !s.tokens.empty()) {
            auto block = w.object();
            w.string_member("type", "text");
            w.key("text").begin_string();
            for (const std::string& token : s.tokens) w.escaped_part(token);
            w.end_string();
        }
        for (size_t i = 0; complete && i < s.tools.size(); i++) {
            auto block = w.object();
            w.string_member("type", "tool_use");
            w.string_member("id", "toolu_sandbox_1");
            w.key("name").escaped(s.tools[i].name);
            w.raw_member("input", s.tools[i].arguments);
        }
    }
    w.key("stop_reason");
    if (complete) {
        w.string(stop_reason(s));
    } else {
        w.null();
    }
    w.key("stop_sequence").null();
    write_anthropic_usage(w, s.prompt_tokens, complete ? s.completion_tokens : 1);
}

class AnthropicStream {
public:
    explicit AnthropicStream(std::vector<std::string>& out) : out_(out) {}

    template <class Members>
    void event(std::string_view type, Members members)
    {
        Rope rope = Rope::copying();
        rope.append("event: ");
        rope.append(type);
        rope.append("\ndata: ");
        Writer w(rope);
        {
            auto object = w.object();
            w.string_member("type", type);
            members(w);
        }
        rope.append("\n\n");
        out_.push_back(rope.str());
    }

    template <class Block>
    void block(Block start)
    {
        event("content_block_start", [&](Writer& w) {
            w.member("index", index_);
            auto object = w.object("content_block");
            start(w);
        });
    }

    void delta(std::string_view type, std::string_view member, std::string_view escaped)
    {
        event("content_block_delta", [&](Writer& w) {
            w.member("index", index_);
            auto object = w.object("delta");
            w.string_member("type", type);
            w.key(member).escaped(escaped);
        });
    }

    void stop()
    {
        event("content_block_stop", [&](Writer& w) { w.member("index", index_); });
        index_++;
    }

private:
    std::vector<std::string>& out_;
    uint64_t index_ = 0;
};

std::vector<std::string> write_anthropic_stream(const Script& s)
{
    std::vector<std::string> out;
    AnthropicStream stream(out);
    stream.event("message_start", [&](Writer& w) {
        w.key("message");
        write_message(w, s, false);
    });
    if (!s.tokens.empty()) {
        stream.block([](Writer& w) {
            w.string_member("type", "text");
            w.string_member("text", "");
        });
        stream.event("ping", [](Writer&) {});
        for (const std::string& token : s.tokens) stream.delta("text_delta", "text", token);
        stream.stop();
    }
    for (const ToolUse& tool : s.tools) {
        stream.block([&](Writer& w) {
            w.string_member("type", "tool_use");
            w.string_member("id", "toolu_sandbox_1");
            w.key("name").escaped(tool.name);
            w.raw_member("input", "{}");
        });
        Rope arguments;
        json::append_escaped(arguments, tool.arguments);
        stream.delta("input_json_delta", "partial_json", arguments.str());
        stream.stop();
    }
    stream.event("message_delta", [&](Writer& w) {
        {
            auto delta = w.object("delta");
            w.string_member("stop_reason", stop_reason(s));
            w.key("stop_sequence").null();
        }
        write_anthropic_usage(w, s.prompt_tokens, s.completion_tokens);
    });
    stream.event("message_stop", [](Writer&) {});
    return out;
}

std::vector<std::string> write_anthropic(const Script& s)
{
    if (s.stream) return write_anthropic_stream(s);
    Rope body;
    Writer w(body);
    write_message(w, s, true);
    return {body.str()};
}

// Anthropic's names for statuses; OpenAI's errors have none that matter here.
std::string_view anthropic_error_type(int status) noexcept
{
    switch (status) {
        case 401:
            return "authentication_error";
        case 402:
            return "billing_error";
        case 403:
            return "permission_error";
        case 404:
            return "not_found_error";
        case 408:
        case 504:
            return "timeout_error";
        case 413:
            return "request_too_large";
        case 429:
            return "rate_limit_error";
        case 529:
            return "overloaded_error";
        default:
            return status < 500 ? "invalid_request_error" : "api_error";
    }
}

}  // namespace

std::vector<std::string> write_answer(Format format, const Script& script, int64_t created)
{
    return format == Format::openai ? write_openai(script, created) : write_anthropic(script);
}

std::string write_error(Format format, int status)
{
    constexpr std::string_view kMessage = "The sandbox was told to fail.";
    Rope out;
    Writer w(out);
    {
        auto body = w.object();
        if (format == Format::anthropic) w.string_member("type", "error");
        auto error = w.object("error");
        w.string_member("message", kMessage);
        if (format == Format::anthropic) {
            w.string_member("type", anthropic_error_type(status));
        } else {
            w.string_member("type", status < 500 ? "invalid_request_error" : "server_error");
            w.key("param").null();
            w.key("code").null();
        }
    }
    return out.str();
}

}  // namespace llm::sandbox
