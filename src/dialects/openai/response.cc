#include <array>

#include "chat/upstream_error.hpp"
#include "dialects/openai/openai.hpp"

namespace llm::openai {

namespace {

using namespace chat;
using json::Value;

constexpr uint64_t kMaxChoices = 128;
constexpr size_t kMaxCalls = 1024;

// `none`: the provider failed. Other words mean that it was done.
struct FinishRow {
    std::string_view name;
    FinishReason reason;
};
constexpr std::array kFinishReasons = {
    FinishRow{"length", FinishReason::length},
    FinishRow{"model_length", FinishReason::length},                   // Mistral
    FinishRow{"model_context_window_exceeded", FinishReason::length},  // Zhipu
    FinishRow{"content_filter", FinishReason::content_filter},
    FinishRow{"sensitive", FinishReason::content_filter},  // Zhipu
    FinishRow{"tool_calls", FinishReason::tool_calls},
    FinishRow{"function_call", FinishReason::tool_calls},
    FinishRow{"error", FinishReason::none},
    FinishRow{"network_error", FinishReason::none},                 // Zhipu
    FinishRow{"insufficient_system_resource", FinishReason::none},  // DeepSeek
};

Text text_of(const Value* v) noexcept
{
    return {v ? v->body() : std::string_view()};
}

int64_t count(const Value& v) noexcept
{
    std::optional<uint64_t> n = v.to_uint();
    return n && *n <= INT32_MAX ? static_cast<int64_t>(*n) : 0;
}

// Where the counts stand, below an object of `usage` or beside the totals. Of
// several rows for one the first that counts anything tells.
struct CountRow {
    std::string_view object, member;
    int64_t Usage::*count;
};
constexpr std::array kCounts = {
    CountRow{{}, "prompt_tokens", &Usage::prompt},
    CountRow{{}, "completion_tokens", &Usage::completion},
    CountRow{"prompt_tokens_details", "cached_tokens", &Usage::cache_read},
    CountRow{{}, "cached_tokens", &Usage::cache_read},            // Moonshot, Together
    CountRow{{}, "prompt_cache_hit_tokens", &Usage::cache_read},  // DeepSeek
    CountRow{"prompt_tokens_details", "cache_write_tokens", &Usage::cache_write},
    CountRow{"prompt_tokens_details", "audio_tokens", &Usage::audio_prompt},
    CountRow{"prompt_tokens_details", "image_tokens", &Usage::image_prompt},
    CountRow{"completion_tokens_details", "reasoning_tokens", &Usage::reasoning},
    CountRow{{}, "reasoning_tokens", &Usage::reasoning},  // Perplexity
    CountRow{"completion_tokens_details", "audio_tokens", &Usage::audio_completion},
    CountRow{"completion_tokens_details", "image_tokens", &Usage::image_completion},
    CountRow{{}, "citation_tokens", &Usage::citations},    // Perplexity
    CountRow{{}, "num_search_queries", &Usage::searches},  // Perplexity
};

// What the answer says of how it was served.
struct TierRow {
    std::string_view name;
    ServiceTier tier;
};
constexpr std::array kTiers = {
    TierRow{"flex", ServiceTier::flex},
    TierRow{"priority", ServiceTier::priority},
    TierRow{"fast", ServiceTier::priority},
    TierRow{"batch", ServiceTier::batch},
};

ServiceTier service_tier(const Value* name) noexcept
{
    if (!name) return ServiceTier::standard;
    for (const TierRow& row : kTiers) {
        if (name->is(row.name)) return row.tier;
    }
    return ServiceTier::standard;
}

}  // namespace

Usage read_usage(const Value& usage) noexcept
{
    Usage u;
    u.known = true;
    for (const CountRow& row : kCounts) {
        if (u.*row.count != 0) continue;
        const Value* object = row.object.empty() ? &usage : usage.get(row.object);
        const Value* v = object ? object->get(row.member) : nullptr;
        if (v) u.*row.count = count(*v);
    }
    // xAI and others count reasoning apart from the completion: its total tells,
    // or that it does not fit in there.
    const Value* total = usage.get("total_tokens");
    bool apart = total && count(*total) == u.prompt + u.completion + u.reasoning;
    if (apart || u.reasoning > u.completion) u.completion += u.reasoning;
    return u;
}

Status read_envelope(const Value& root, DeltaSink& sink, bool& failed)
{
    if (!root.is_object()) return fail(Errc::protocol, "answer that is no object");
    if (const Value* error = root.get("error")) {
        bool empty = (error->is_string() && error->body().empty()) || (error->is_object() && error->size() == 0);
        if (!empty) {
            failed = true;
            ErrorBody body = read_error_body(root);
            ApiError api = upstream_error(classify(0, body), body);
            return sink.put({.kind = DeltaKind::error, .error = &api});
        }
    }
    Delta start{.kind = DeltaKind::start, .id = text_of(root.get("id")), .model = text_of(root.get("model"))};
    if (Status s = sink.put(start); !s.ok()) return s;
    const Value* usage = root.get("usage");
    if (!usage || !usage->is_object()) return kOk;
    Usage u = read_usage(*usage);
    u.tier = service_tier(root.get("service_tier"));
    // A provider that tells what it takes knows better.
    bool told = usage->size() == 0 || usage->find("cost");
    return sink.put({.kind = DeltaKind::usage, .usage = &u, .usage_text = told ? std::string_view() : usage->raw()});
}

Status ChoiceReader::read(const Value& choice, std::string_view body_name, DeltaSink& sink)
{
    const Value* index = choice.get("index");
    uint64_t at = index ? index->to_uint().value_or(0) : 0;
    if (at >= kMaxChoices) return fail(Errc::too_many, "too many choices");
    auto n = static_cast<uint32_t>(at);
    if (n >= choices_.size()) choices_.resize(n + 1);

    if (const Value* body = choice.get(body_name)) {
        // An empty one is there for the sake of what stands beside it: usage.
        choices_[n].begun |= body->size() > 0;
        if (body->get("role")) {
            if (Status s = sink.put({.kind = DeltaKind::role, .choice = n}); !s.ok()) return s;
        }
        // vLLM, Ollama and others say `reasoning`, the rest `reasoning_content`.
        const Value* reasoning = body->get("reasoning_content");
        if (!reasoning) reasoning = body->get("reasoning");
        if (reasoning && reasoning->is_string()) {
            Delta d{.kind = DeltaKind::reasoning, .choice = n, .text = text_of(reasoning)};
            if (Status s = sink.put(d); !s.ok()) return s;
        }
        if (const Value* content = body->get("content")) {
            if (Status s = read_content(*content, n, sink); !s.ok()) return s;
        }
        if (const Value* refusal = body->get("refusal")) {
            Delta d{.kind = DeltaKind::refusal, .choice = n, .text = text_of(refusal)};
            if (Status s = sink.put(d); !s.ok()) return s;
        }
        const Value* calls = body->get("tool_calls");
        if (calls && calls->is_array()) {
            for (const Value& call : *calls) {
                if (Status s = read_call(call, n, sink); !s.ok()) return s;
            }
        }
        if (body->get("function_call") || body->get("audio")) {
            // The deprecated call and spoken answers have no delta of their own.
            if (Status s = sink.put({.kind = DeltaKind::opaque, .choice = n}); !s.ok()) return s;
        }
    }
    const Value* reason = choice.get("finish_reason");
    return reason ? read_finish(*reason, n, sink) : kOk;
}

bool ChoiceReader::finished() const noexcept
{
    bool any = false;
    for (const Choice& c : choices_) {
        if (c.begun && !c.finished) return false;
        any |= c.finished;
    }
    return any;
}

Status ChoiceReader::read_content(const Value& content, uint32_t choice, DeltaSink& sink)
{
    if (content.is_string()) return sink.put({.kind = DeltaKind::text, .choice = choice, .text = text_of(&content)});
    // Mistral's reasoning models: a list of text and thinking parts.
    if (!content.is_array()) return kOk;
    for (const Value& part : content) {
        if (const Value* text = part.get("text")) {
            Delta d{.kind = DeltaKind::text, .choice = choice, .text = text_of(text)};
            if (Status s = sink.put(d); !s.ok()) return s;
        }
        const Value* thinking = part.get("thinking");
        if (!thinking || !thinking->is_array()) continue;
        for (const Value& piece : *thinking) {
            Delta d{.kind = DeltaKind::reasoning, .choice = choice, .text = text_of(piece.get("text"))};
            if (Status s = sink.put(d); !s.ok()) return s;
        }
    }
    return kOk;
}

// Servers leave out the index, or repeat empty ids and names on continuations.
Status ChoiceReader::read_call(const Value& call, uint32_t choice, DeltaSink& sink)
{
    std::vector<Call>& calls = choices_[choice].calls;
    const Value* function = call.get("function");
    if (!function) function = call.get("custom");
    Text id = text_of(call.get("id"));
    Text name = text_of(function ? function->get("name") : nullptr);

    const Value* index = call.get("index");
    std::optional<uint64_t> wanted = index ? index->to_uint() : std::nullopt;
    size_t at = calls.size();
    if (wanted) {
        for (size_t i = 0; i < calls.size(); i++) {
            if (calls[i].index == *wanted) at = i;
        }
    } else if (id.empty() && !calls.empty()) {
        at = calls.size() - 1;
    }
    if (at == calls.size()) {
        if (at >= kMaxCalls) return fail(Errc::too_many, "too many tool calls");
        calls.push_back({wanted.value_or(at)});
        Delta start{.kind = DeltaKind::tool_start,
                    .choice = choice,
                    .index = static_cast<uint32_t>(at),
                    .text = name,
                    .id = id};
        if (Status s = sink.put(start); !s.ok()) return s;
    }

    const Value* args = function ? function->get("arguments") : nullptr;
    if (!args && function) args = function->get("input");
    if (!args) return kOk;
    calls[at].args += args->raw().size();
    if (calls[at].args > max_args_) return fail(Errc::too_large, "tool arguments too large");
    Delta d{.kind = DeltaKind::tool_args, .choice = choice, .index = static_cast<uint32_t>(at)};
    d.json_args = args->is_object();
    d.text = d.json_args ? Text{args->raw(), false} : text_of(args);
    return sink.put(d);
}

Status ChoiceReader::read_finish(const Value& reason, uint32_t choice, DeltaSink& sink)
{
    if (!reason.is_string() || reason.body().empty()) return kOk;
    choices_[choice].finished = true;
    FinishReason finish = FinishReason::stop;
    for (const FinishRow& row : kFinishReasons) {
        if (reason.is(row.name)) finish = row.reason;
    }
    if (finish == FinishReason::none) {
        ApiError error = make_error(ErrorClass::upstream_server, "The upstream ended the answer with an error.");
        return sink.put({.kind = DeltaKind::error, .error = &error});
    }
    return sink.put({.kind = DeltaKind::finish, .choice = choice, .finish = finish});
}

Status decode(std::string_view body, const dialects::DecodeOptions& options, DeltaSink& sink)
{
    json::Document doc;
    if (Status s = doc.parse(body, json::Mode::liberal, options.json); !s.ok()) return s;
    bool failed = false;
    if (Status s = read_envelope(doc.root(), sink, failed); !s.ok() || failed) return s;
    const Value* choices = doc.root().get("choices");
    if (!choices || !choices->is_array()) return fail(Errc::protocol, "answer without choices");
    ChoiceReader reader(options.max_tool_arguments);
    for (const Value& choice : *choices) {
        if (Status s = reader.read(choice, "message", sink); !s.ok()) return s;
    }
    return sink.put({.kind = DeltaKind::end});
}

constinit const dialects::Dialect kDialect = {
    .name = "openai",
    .same_as = ClientFormat::chat_completions,
    .encode = encode,
    .decode = decode,
    .decode_error = decode_error,
    .stream = make_stream,
};

}  // namespace llm::openai
