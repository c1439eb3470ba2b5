// Whole answers (wire format: cohere, section 3).
#include <array>

#include "dialects/cohere/cohere.hpp"

namespace llm::cohere {

namespace {

using namespace chat;
using json::Value;

struct FinishRow {
    std::string_view name;
    FinishReason reason;
};
constexpr std::array kFinishReasons = {
    FinishRow{"COMPLETE", FinishReason::stop},        FinishRow{"STOP_SEQUENCE", FinishReason::stop},
    FinishRow{"MAX_TOKENS", FinishReason::length},    FinishRow{"ERROR_LIMIT", FinishReason::length},
    FinishRow{"TOOL_CALL", FinishReason::tool_calls}, FinishRow{"ERROR_TOXIC", FinishReason::content_filter},
};

Text text_of(const Value* v) noexcept
{
    return {v ? v->body() : std::string_view()};
}

// Counts are numbers of any kind.
int64_t count(const Value* object, std::string_view name) noexcept
{
    const Value* v = object ? object->get(name) : nullptr;
    double n = v ? v->to_double() : 0;
    return n >= 0 && n <= INT32_MAX ? static_cast<int64_t>(n) : 0;
}

Status put_content(const Value& content, DeltaSink& sink)
{
    if (content.is_string()) return sink.put({.kind = DeltaKind::text, .text = text_of(&content)});
    if (!content.is_array()) return kOk;
    for (const Value& part : content) {
        if (const Value* thinking = part.get("thinking")) {
            if (Status s = sink.put({.kind = DeltaKind::reasoning, .text = text_of(thinking)}); !s.ok()) return s;
        }
        if (const Value* text = part.get("text")) {
            if (Status s = sink.put({.kind = DeltaKind::text, .text = text_of(text)}); !s.ok()) return s;
        }
    }
    return kOk;
}

Status put_calls(const Value& calls, size_t max_args, DeltaSink& sink)
{
    uint32_t index = 0;
    for (const Value& call : calls) {
        const Value* function = call.get("function");
        Text name = text_of(function ? function->get("name") : nullptr);
        Text id = text_of(call.get("id"));
        if (!function || name.empty() || id.empty()) return fail(Errc::protocol, "tool call without name or id");
        Delta start{.kind = DeltaKind::tool_start, .index = index, .text = name, .id = id};
        if (Status s = sink.put(start); !s.ok()) return s;
        Text args = text_of(function->get("arguments"));
        if (args.bytes.size() > max_args) return fail(Errc::too_large, "tool arguments too large");
        // Of a tool without parameters.
        if (args.empty() || args.bytes == "null") args = {"{}"};
        if (Status s = sink.put({.kind = DeltaKind::tool_args, .index = index++, .text = args}); !s.ok()) return s;
    }
    return kOk;
}

}  // namespace

// What the model has seen and said; `billed_units` leave out Cohere's own prompts.
Usage read_usage(const Value& usage) noexcept
{
    const Value* tokens = usage.get("tokens");
    if (!tokens) tokens = usage.get("billed_units");
    Usage u;
    u.known = true;
    u.prompt = count(tokens, "input_tokens");
    u.completion = count(tokens, "output_tokens");
    u.cache_read = std::min(count(&usage, "cached_tokens"), u.prompt);
    return u;
}

Status put_finish(const Value* reason, DeltaSink& sink)
{
    if (reason && (reason->is("ERROR") || reason->is("TIMEOUT"))) {
        bool late = reason->is("TIMEOUT");
        ApiError error = make_error(late ? ErrorClass::timeout : ErrorClass::upstream_server,
                                    "The upstream ended the answer with an error.");
        return sink.put({.kind = DeltaKind::error, .error = &error});
    }
    if (!reason || !reason->is_string()) return fail(Errc::truncated, "answer without finish reason");
    FinishReason finish = FinishReason::stop;
    for (const FinishRow& row : kFinishReasons) {
        if (reason->is(row.name)) finish = row.reason;
    }
    return sink.put({.kind = DeltaKind::finish, .finish = finish});
}

Status decode(std::string_view body, const dialects::DecodeOptions& options, DeltaSink& sink)
{
    json::Document doc;
    if (Status s = doc.parse(body, json::Mode::liberal, options.json); !s.ok()) return s;
    const Value& root = doc.root();
    const Value* message = root.get("message");
    if (message && message->is_string()) {  // an error's, with a good status
        ApiError error = decode_error(0, body);
        return sink.put({.kind = DeltaKind::error, .error = &error});
    }
    if (!message || !message->is_object()) return fail(Errc::protocol, "answer without message");

    Delta start{.kind = DeltaKind::start, .id = text_of(root.get("id")), .model = {options.hints.model, false}};
    if (Status s = sink.put(start); !s.ok()) return s;
    if (const Value* plan = message->get("tool_plan")) {
        if (Status s = sink.put({.kind = DeltaKind::reasoning, .text = text_of(plan)}); !s.ok()) return s;
    }
    if (const Value* content = message->get("content")) {
        if (Status s = put_content(*content, sink); !s.ok()) return s;
    }
    const Value* calls = message->get("tool_calls");
    if (calls && calls->is_array()) {
        if (Status s = put_calls(*calls, options.max_tool_arguments, sink); !s.ok()) return s;
    }
    if (const Value* usage = root.get("usage")) {
        Usage u = read_usage(*usage);
        if (Status s = sink.put({.kind = DeltaKind::usage, .usage = &u}); !s.ok()) return s;
    }
    if (Status s = put_finish(root.get("finish_reason"), sink); !s.ok()) return s;
    return sink.put({.kind = DeltaKind::end});
}

constinit const dialects::Dialect kDialect = {
    .name = "cohere",
    .same_as = std::nullopt,
    .encode = encode,
    .decode = decode,
    .decode_error = decode_error,
    .stream = make_stream,
};

}  // namespace llm::cohere
