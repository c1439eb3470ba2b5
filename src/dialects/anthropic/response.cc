// Whole answers and token counts (wire format: anthropic, section 8).
#include <algorithm>

#include "dialects/anthropic/anthropic.hpp"

namespace llm::anthropic {

namespace {

using namespace chat;
using json::Value;

Text text_of(const Value* v) noexcept
{
    return {v ? v->body() : std::string_view()};
}

int64_t count(const Value& object, std::string_view name, int64_t otherwise) noexcept
{
    const Value* v = object.get(name);
    std::optional<uint64_t> n = v ? v->to_uint() : std::nullopt;
    return n && *n <= INT32_MAX ? static_cast<int64_t>(*n) : otherwise;
}

class Blocks {
public:
    Blocks(const dialects::DecodeOptions& options, DeltaSink& sink) : options_(options), sink_(sink) {}

    Status put(const Value& block)
    {
        const Value* type = block.find("type");
        if (!type) return fail(Errc::protocol, "content block without type");
        if (type->is("text")) return sink_.put({.kind = DeltaKind::text, .text = text_of(block.find("text"))});
        if (type->is("thinking")) return put_thinking(block);
        if (type->is("redacted_thinking")) {
            return sink_.put({.kind = DeltaKind::redacted, .index = thoughts_++, .text = text_of(block.find("data"))});
        }
        if (type->is("tool_use")) return put_call(block);
        return kOk;  // a block of another kind has no place in the answer
    }

    bool called_tools() const noexcept { return calls_ > 0; }

private:
    Status put_thinking(const Value& block)
    {
        Delta d{.kind = DeltaKind::reasoning, .index = thoughts_++, .text = text_of(block.find("thinking"))};
        if (Status s = sink_.put(d); !s.ok()) return s;
        d.kind = DeltaKind::signature;
        d.text = text_of(block.find("signature"));
        return sink_.put(d);
    }

    Status put_call(const Value& block)
    {
        const Value* name = block.find("name");
        const Value* input = block.find("input");
        std::string_view args = input ? input->raw() : std::string_view("{}");
        if (args.size() > options_.max_tool_arguments) return fail(Errc::too_large, "tool arguments too large");
        if (is_json_tool(name, options_.hints)) {
            return sink_.put({.kind = DeltaKind::text, .text = {args, false}});
        }
        Delta start{
            .kind = DeltaKind::tool_start, .index = calls_, .text = text_of(name), .id = text_of(block.find("id"))};
        if (start.text.empty() || start.id.empty()) return fail(Errc::protocol, "tool call without name or id");
        if (Status s = sink_.put(start); !s.ok()) return s;
        return sink_.put({.kind = DeltaKind::tool_args, .json_args = true, .index = calls_++, .text = {args, false}});
    }

    const dialects::DecodeOptions& options_;
    DeltaSink& sink_;
    uint32_t calls_ = 0;
    uint32_t thoughts_ = 0;
};

}  // namespace

void Counts::update(const Value& usage)
{
    last_.take(usage);
    if (const Value* lifetimes = usage.get("cache_creation")) {
        cache_write_1h_ = count(*lifetimes, "ephemeral_1h_input_tokens", cache_write_1h_);
    }
    if (const Value* details = usage.get("output_tokens_details")) {
        reasoning_ = count(*details, "thinking_tokens", reasoning_);
    }
    if (const Value* tools = usage.get("server_tool_use")) {
        searches_ = count(*tools, "web_search_requests", searches_);
    }
    if (const Value* tier = usage.get("service_tier")) {
        tier_ = tier->is("priority") ? ServiceTier::priority : ServiceTier::standard;
    }
    const Value* steps = usage.get("iterations");
    if (steps && steps->is_array()) sum_steps(*steps);
}

void Counts::Tokens::take(const Value& usage)
{
    input = count(usage, "input_tokens", input);
    cache_write = count(usage, "cache_creation_input_tokens", cache_write);
    cache_read = count(usage, "cache_read_input_tokens", cache_read);
    output = count(usage, "output_tokens", output);
}

// A compacted conversation is billed in several steps, and the totals beside
// them hold the last one only. With a fallback they hold the whole bill.
void Counts::sum_steps(const Value& steps)
{
    summed_ = false;
    bool any = false;
    Tokens sum{-1, -1, -1, -1};
    auto add = [](int64_t& to, int64_t n) {
        if (n >= 0) to = std::max<int64_t>(to, 0) + n;
    };
    for (const Value& step : steps) {
        const Value* type = step.find("type");
        if (type && type->is("fallback_message")) return;
        if (!type || !(type->is("compaction") || type->is("message"))) continue;
        Tokens one{-1, -1, -1, -1};
        one.take(step);
        add(sum.input, one.input);
        add(sum.cache_write, one.cache_write);
        add(sum.cache_read, one.cache_read);
        add(sum.output, one.output);
        any = true;
    }
    summed_ = any;
    sum_ = sum;
}

Usage Counts::usage() const noexcept
{
    // What no step tells of, the totals do.
    auto best = [&](int64_t Tokens::*what) { return summed_ && sum_.*what >= 0 ? sum_.*what : last_.*what; };
    Usage u;
    u.known = true;
    u.cache_read = best(&Tokens::cache_read);
    u.cache_write = best(&Tokens::cache_write);
    u.prompt = best(&Tokens::input) + u.cache_write + u.cache_read;
    u.completion = best(&Tokens::output);
    u.cache_write_1h = cache_write_1h_;
    u.reasoning = reasoning_;
    u.searches = searches_;
    u.tier = tier_;
    return u;
}

bool is_json_tool(const Value* name, const dialects::DecodeHints& hints) noexcept
{
    return name && !hints.json_tool.empty() && name->is(hints.json_tool);
}

FinishReason finish_reason(const Value& reason, bool called_tools) noexcept
{
    // The only call may have been the one that stands for a JSON answer.
    if (reason.is("tool_use")) return called_tools ? FinishReason::tool_calls : FinishReason::stop;
    if (reason.is("max_tokens") || reason.is("model_context_window_exceeded")) return FinishReason::length;
    if (reason.is("refusal")) return FinishReason::content_filter;
    return FinishReason::stop;
}

Status decode(std::string_view body, const dialects::DecodeOptions& options, DeltaSink& sink)
{
    json::Document doc;
    if (Status s = doc.parse(body, json::Mode::liberal, options.json); !s.ok()) return s;
    const Value& root = doc.root();
    if (const Value* type = root.find("type"); type && type->is("error")) {
        ApiError error = decode_error(0, root);
        return sink.put({.kind = DeltaKind::error, .error = &error});
    }
    const Value* content = root.find("content");
    if (!content || !content->is_array()) return fail(Errc::protocol, "answer without content");

    Delta start{.kind = DeltaKind::start, .id = text_of(root.find("id")), .model = text_of(root.find("model"))};
    if (Status s = sink.put(start); !s.ok()) return s;
    Blocks blocks(options, sink);
    for (const Value& block : *content) {
        if (Status s = blocks.put(block); !s.ok()) return s;
    }
    if (const Value* details = root.get("stop_details")) {
        Delta refusal{.kind = DeltaKind::refusal, .text = text_of(details->get("explanation"))};
        if (Status s = sink.put(refusal); !s.ok()) return s;
    }
    const Value* reason = root.get("stop_reason");
    if (!reason) return fail(Errc::truncated, "answer without stop reason");
    Delta finish{.kind = DeltaKind::finish, .finish = finish_reason(*reason, blocks.called_tools())};
    if (Status s = sink.put(finish); !s.ok()) return s;
    if (const Value* usage = root.get("usage")) {
        Counts counts;
        counts.update(*usage);
        Usage u = counts.usage();
        if (Status s = sink.put({.kind = DeltaKind::usage, .usage = &u}); !s.ok()) return s;
    }
    return sink.put({.kind = DeltaKind::end});
}

constinit const dialects::Dialect kDialect = {
    .name = "anthropic",
    .same_as = std::nullopt,
    .encode = encode,
    .decode = decode,
    .decode_error = static_cast<ApiError (*)(int, std::string_view)>(decode_error),
    .stream = make_stream,
};

constinit const dialects::Dialect kVertexDialect = {
    .name = "anthropic",
    .same_as = std::nullopt,
    .encode = encode_vertex,
    .decode = decode,
    .decode_error = static_cast<ApiError (*)(int, std::string_view)>(decode_error),
    .stream = make_stream,
};

}  // namespace llm::anthropic
