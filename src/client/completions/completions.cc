#include "client/completions/completions.hpp"

#include "client/completions/response.hpp"
#include "client/completions/stream.hpp"

namespace llm::completions {

using client::write_text;
using json::Writer;

std::string_view finish_reason_name(chat::FinishReason reason) noexcept
{
    switch (reason) {
        case chat::FinishReason::length:
            return "length";
        case chat::FinishReason::tool_calls:
            return "tool_calls";
        case chat::FinishReason::content_filter:
            return "content_filter";
        default:
            return "stop";
    }
}

void write_thinking(Writer& w, const chat::Text& text, const chat::Text& signature, BlockIndex index)
{
    auto block = w.object();
    if (index) w.member("index", *index);
    w.string_member("type", "thinking");
    write_text(w.key("thinking"), text);
    write_text(w.key("signature"), signature);
}

void write_redacted(Writer& w, const chat::Text& data, BlockIndex index)
{
    auto block = w.object();
    if (index) w.member("index", *index);
    w.string_member("type", "redacted_thinking");
    write_text(w.key("data"), data);
}

void write_image(Writer& w, const chat::Text& media, const chat::Text& data, uint32_t index)
{
    auto image = w.object();
    w.member("index", index);
    w.string_member("type", "image_url");
    auto url = w.object("image_url");
    w.key("url").begin_string();
    w.part("data:");
    w.escaped_part(media.bytes);
    w.part(";base64,");
    w.escaped_part(data.bytes);
    w.end_string();
}

void write_call_signature(Writer& w, const chat::Text& signature)
{
    if (signature.empty()) return;
    auto extra = w.object("extra_content");
    auto google = w.object("google");
    write_text(w.key("thought_signature"), signature);
}

void write_usage(Writer& w, const chat::Usage& usage)
{
    auto count = [&](std::string_view name, int64_t n) { w.member(name, static_cast<uint64_t>(n < 0 ? 0 : n)); };
    auto object = w.object("usage");
    count("prompt_tokens", usage.prompt);
    count("completion_tokens", usage.completion);
    count("total_tokens", usage.total());
    {
        auto details = w.object("prompt_tokens_details");
        count("cached_tokens", usage.cache_read);
        count("cache_write_tokens", usage.cache_write);
    }
    {
        auto details = w.object("completion_tokens_details");
        count("reasoning_tokens", usage.reasoning);
    }
    if (usage.cost) w.key("cost").copy(chat::dollars(*usage.cost));
}

void write_error(Writer& w, const chat::ApiError& error)
{
    auto text_or_null = [&](std::string_view name, std::string_view text) {
        w.key(name);
        if (text.empty()) {
            w.null();
        } else {
            w.string(text);
        }
    };
    auto object = w.object("error");
    w.string_member("message", error.message);
    w.string_member("type", error.type_text());
    text_or_null("param", error.param);
    text_or_null("code", error.code_text());
}

std::string error_body(const chat::ApiError& error)
{
    Rope out;
    Writer w(out);
    {
        auto body = w.object();
        write_error(w, error);
    }
    return out.str();
}

constinit const client::Format kFormat = {
    .id_prefix = "chatcmpl-",
    .ping = ": ping\n\n",
    .terminator = kDone,
    .named_events = false,
    .read = read_request,
    .echo = nullptr,
    .stream = [](const client::AnswerOptions& o) -> std::unique_ptr<client::StreamWriter> {
        return std::make_unique<StreamWriter>(o);
    },
    .answer = [](const client::AnswerOptions& o) -> std::unique_ptr<client::AnswerWriter> {
        return std::make_unique<AnswerWriter>(o);
    },
    .error_body = error_body,
};

}  // namespace llm::completions
