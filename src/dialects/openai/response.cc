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

Usage read_usage(const Value& usage, const dialects::UsageQuirks& quirks) noexcept
{
    Usage u;
    u.known = true;
    for (const CountRow& row : kCounts) {
        if (u.*row.count != 0) continue;
        const Value* object = row.object.empty() ? &usage : usage.get(row.object);
        const Value* v = object ? object->get(row.member) : nullptr;
        if (v) u.*row.count = count(*v);
    }
    // xAI and others count a part apart from the whole: the total tells, or that
    // it does not fit in there.
    const Value* told = usage.get("total_tokens");
    int64_t total = told ? count(*told) : 0;
    int64_t sum = u.prompt + u.completion;
    auto is_apart = [&](dialects::Apart rule, int64_t part, int64_t whole) {
        return rule == dialects::Apart::told && (total == sum + part || part > whole);
    };
    if (is_apart(quirks.reasoning, u.reasoning, u.completion)) u.completion += u.reasoning;
    if (is_apart(quirks.cached, u.cache_read, u.prompt)) u.prompt += u.cache_read;
    return u;
}

Status read_envelope(const Value& root, const dialects::Quirks& quirks, Mender& mender, DeltaSink& sink, bool& failed)
{
    if (!root.is_object()) return fail(Errc::protocol, "answer that is no object");
    const Value* error = root.get("error");
    if (error) {
        bool empty = (error->is_string() && error->body().empty()) || (error->is_object() && error->size() == 0);
        failed = !empty;
    }
    if (quirks.base_resp && !failed) {
        const Value* base = root.get("base_resp");
        const Value* status = base ? base->get("status_code") : nullptr;
        failed = status && status->to_uint() != 0U;
    }
    if (failed) {
        ErrorBody body = read_error_body(root);
        ApiError api = upstream_error(class_of_code(body, quirks.codes).value_or(classify(0, body)), body);
        return sink.put({.kind = DeltaKind::error, .error = &api});
    }
    mender.envelope(root);
    Delta start{.kind = DeltaKind::start, .id = text_of(root.get("id")), .model = text_of(root.get("model"))};
    if (Status s = sink.put(start); !s.ok()) return s;
    const Value* usage = find_usage(root, quirks.answer);
    if (!usage) return kOk;
    Usage u = read_usage(*usage, quirks.usage);
    u.tier = service_tier(root.get("service_tier"));
    mender.usage(root, *usage, u);
    // A provider that tells what it takes knows better.
    bool told = usage->size() == 0 || usage->find("cost") || usage != root.find("usage");
    return sink.put({.kind = DeltaKind::usage, .usage = &u, .usage_text = told ? std::string_view() : usage->raw()});
}

Status ChoiceReader::read(const Value& choice, DeltaSink& sink)
{
    const Value* index = choice.get("index");
    uint64_t at = index ? index->to_uint().value_or(0) : 0;
    if (at >= kMaxChoices) return fail(Errc::too_many, "too many choices");
    auto n = static_cast<uint32_t>(at);
    if (n >= choices_.size()) choices_.resize(n + 1);

    if (const Value* body = choice.get(shape_ == Shape::chunk ? "delta" : "message")) {
        if (Status s = read_body(*body, n, sink); !s.ok()) return s;
    }
    const Value* reason = choice.get("finish_reason");
    if (reason) return read_finish(*reason, n, sink);
    mender_.no_finish(choice);
    return kOk;
}

Status ChoiceReader::read_body(const Value& body, uint32_t n, DeltaSink& sink)
{
    mender_.body(body, !choices_[n].begun);
    // An empty one is there for the sake of what stands beside it: usage.
    choices_[n].begun |= body.size() > 0;
    if (body.get("role")) {
        if (Status s = sink.put({.kind = DeltaKind::role, .choice = n}); !s.ok()) return s;
    }
    // vLLM, Ollama and others say `reasoning`, the rest `reasoning_content`.
    const Value* reasoning = body.get("reasoning_content");
    if (!reasoning) reasoning = body.get("reasoning");
    if (reasoning && reasoning->is_string()) {
        Delta d{.kind = DeltaKind::reasoning, .choice = n, .text = text_of(reasoning)};
        if (Status s = sink.put(d); !s.ok()) return s;
    }
    if (const Value* content = body.get("content")) {
        if (Status s = read_content(*content, n, sink); !s.ok()) return s;
    }
    if (const Value* refusal = body.get("refusal")) {
        Delta d{.kind = DeltaKind::refusal, .choice = n, .text = text_of(refusal)};
        if (Status s = sink.put(d); !s.ok()) return s;
    }
    if (const Value* calls = body.get("tool_calls")) {
        if (Status s = read_calls(*calls, n, sink); !s.ok()) return s;
    }
    // The deprecated call and spoken answers have no delta of their own.
    if (!body.get("function_call") && !body.get("audio")) return kOk;
    return sink.put({.kind = DeltaKind::opaque, .choice = n});
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

Status ChoiceReader::read_calls(const Value& calls, uint32_t choice, DeltaSink& sink)
{
    // Old versions of TGI have one call, not a list of it.
    if (calls.is_object()) return read_call(calls, choice, sink);
    if (!calls.is_array()) return kOk;
    for (const Value& call : calls) {
        if (Status s = read_call(call, choice, sink); !s.ok()) return s;
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
    bool numbered = index && index->to_uint().has_value();
    uint64_t wanted = numbered ? index->to_uint().value_or(0) : calls.size();
    size_t at = calls.size();
    if (numbered) {
        for (size_t i = 0; i < calls.size(); i++) {
            if (calls[i].index == wanted) at = i;
        }
    } else if (id.empty() && !calls.empty()) {
        at = calls.size() - 1;
    }
    // Gemini's endpoint has given several calls one index, and no ids.
    bool another = !name.empty() && (id.empty() || (at < calls.size() && id.bytes != calls[at].id));
    if (quirks_.answer.calls && another) at = calls.size();
    bool begins = at == calls.size();
    std::string made;
    if (begins) {
        if (at >= kMaxCalls) return fail(Errc::too_many, "too many tool calls");
        if (id.empty() && quirks_.answer.calls) {
            made = mender_.made_id(choice, at);
            id = {made};
        }
        calls.push_back({wanted, std::string(id.bytes)});
        Delta start{.kind = DeltaKind::tool_start,
                    .choice = choice,
                    .index = static_cast<uint32_t>(at),
                    .text = name,
                    .id = id};
        if (Status s = sink.put(start); !s.ok()) return s;
    }
    mender_.call(call, begins, at, made);

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
    if (!reason.is_string()) return kOk;
    bool called = quirks_.answer.finish && !choices_[choice].calls.empty();
    // A word that is empty ends nothing, unless there is nothing more to come.
    if (reason.body().empty() && !(called && shape_ == Shape::answer)) {
        mender_.finish(reason, FinishReason::none);
        return kOk;
    }
    choices_[choice].finished = true;
    FinishReason finish = FinishReason::stop;
    for (const FinishRow& row : kFinishReasons) {
        if (reason.is(row.name)) finish = row.reason;
    }
    if (finish == FinishReason::none) {
        ApiError error = make_error(ErrorClass::upstream_server, "The upstream ended the answer with an error.");
        return sink.put({.kind = DeltaKind::error, .error = &error});
    }
    if (called && finish == FinishReason::stop) finish = FinishReason::tool_calls;
    mender_.finish(reason, finish);
    return sink.put({.kind = DeltaKind::finish, .choice = choice, .finish = finish});
}

Status decode(std::string_view body, const dialects::DecodeOptions& options, DeltaSink& sink)
{
    json::Document doc;
    if (Status s = doc.parse(body, json::Mode::liberal, options.json); !s.ok()) return s;
    bool failed = false;
    ChoiceReader reader(options, Shape::answer);
    if (Status s = read_envelope(doc.root(), *options.quirks, reader.mender(), sink, failed); !s.ok() || failed) {
        return s;
    }
    const Value* choices = doc.root().get("choices");
    if (!choices || !choices->is_array()) return fail(Errc::protocol, "answer without choices");
    for (const Value& choice : *choices) {
        if (Status s = reader.read(choice, sink); !s.ok()) return s;
    }
    if (options.mends) options.mends->splice.settle();  // the tree dies here
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
