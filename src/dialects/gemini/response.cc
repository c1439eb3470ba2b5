// Answers, whole or in fragments, and token counts (wire format: gemini, sections
// 4, 8 and 9).
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "dialects/gemini/gemini.hpp"

namespace llm::gemini {

namespace {

using namespace chat;
using json::Value;
using json::Writer;

constexpr uint64_t kMaxCandidates = 128;
constexpr uint32_t kMaxCalls = 1024;
constexpr size_t kMaxId = 48;  // of an answer's, to be a part of a call's

// `none`: the model went wrong, and asking again may help. Other words mean that
// it was done.
struct FinishRow {
    std::string_view name;
    FinishReason reason;
};
constexpr std::array kFinishReasons = {
    FinishRow{"MAX_TOKENS", FinishReason::length},
    FinishRow{"CONTINUATION", FinishReason::length},
    FinishRow{"SAFETY", FinishReason::content_filter},
    FinishRow{"RECITATION", FinishReason::content_filter},
    FinishRow{"BLOCKLIST", FinishReason::content_filter},
    FinishRow{"PROHIBITED_CONTENT", FinishReason::content_filter},
    FinishRow{"SPII", FinishReason::content_filter},
    FinishRow{"LANGUAGE", FinishReason::content_filter},
    FinishRow{"IMAGE_SAFETY", FinishReason::content_filter},
    FinishRow{"IMAGE_PROHIBITED_CONTENT", FinishReason::content_filter},
    FinishRow{"IMAGE_RECITATION", FinishReason::content_filter},
    FinishRow{"MALFORMED_FUNCTION_CALL", FinishReason::none},
    FinishRow{"UNEXPECTED_TOOL_CALL", FinishReason::none},
    FinishRow{"TOO_MANY_TOOL_CALLS", FinishReason::none},
};

Text text_of(const Value* v) noexcept
{
    return {v ? v->body() : std::string_view()};
}

// The members of a token that every list of them has.
void write_token(Writer& w, const Value& token)
{
    const Value* text = token.get("token");
    const Value* logprob = token.get("logProbability");
    w.key("token").escaped(text ? text->body() : std::string_view());
    w.key("logprob");
    if (logprob && logprob->is_number()) {
        w.value(*logprob);
    } else {
        w.number(0);
    }
    auto bytes = w.array("bytes");
    if (!text) return;
    for (char c : text->text()) w.number(static_cast<unsigned char>(c));
}

// An object of other things.
bool is_nothing(const Value& root) noexcept
{
    return root.is_object() && !root.get("candidates") && !root.get("promptFeedback") && !root.get("error");
}

bool is_set(const Value* v) noexcept
{
    return v && v->is_true();
}

}  // namespace

void Counts::update(const Value& usage) noexcept
{
    auto take = [&](std::string_view name, int64_t& to) {
        const Value* v = usage.get(name);
        std::optional<uint64_t> n = v ? v->to_uint() : std::nullopt;
        if (!n || *n > INT32_MAX) return;
        to = static_cast<int64_t>(*n);
        known_ = true;
    };
    take("promptTokenCount", prompt_);
    take("toolUsePromptTokenCount", tool_use_);
    take("cachedContentTokenCount", cached_);
    take("candidatesTokenCount", candidates_);
    take("thoughtsTokenCount", thoughts_);
}

Usage Counts::usage() const noexcept
{
    Usage u;
    u.known = known_;
    u.prompt = prompt_ + tool_use_;
    u.cache_read = std::min(cached_, u.prompt);
    u.completion = candidates_ + thoughts_;
    u.reasoning = thoughts_;
    return u;
}

Status AnswerReader::read(const Value& root, DeltaSink& sink)
{
    if (!root.is_array()) return read_fragment(root, sink);
    // Vertex puts errors into a list; without alt=sse an answer's fragments are one.
    for (const Value& fragment : root) {
        if (Status s = read_fragment(fragment, sink); !s.ok()) return s;
    }
    return kOk;
}

Status AnswerReader::read_fragment(const Value& fragment, DeltaSink& sink)
{
    if (failed_) return kOk;
    if (!fragment.is_object()) return fail(Errc::protocol, "answer that is no object");
    if (fragment.get("error")) return put_error(decode_error(0, fragment), sink);

    if (!started_) {
        started_ = true;
        Text id = text_of(fragment.get("responseId"));
        bool usable =
            !id.empty() && id.bytes.size() <= kMaxId && std::all_of(id.bytes.begin(), id.bytes.end(), [](char c) {
                return text::is_alpha(c) || text::is_digit(c) || c == '-' || c == '_';
            });
        id_ = usable ? id.bytes : std::string_view(options_.id);
        Delta start{.kind = DeltaKind::start, .id = id, .model = text_of(fragment.get("modelVersion"))};
        if (Status s = sink.put(start); !s.ok()) return s;
    }
    const Value* candidates = fragment.get("candidates");
    if (candidates && candidates->is_array()) {
        for (const Value& one : *candidates) {
            if (Status s = read_candidate(one, sink); !s.ok() || failed_) return s;
        }
    }
    if (const Value* feedback = fragment.get("promptFeedback")) {
        if (Status s = read_block(*feedback, sink); !s.ok()) return s;
    }
    const Value* usage = fragment.get("usageMetadata");
    if (!usage) return kOk;
    counts_.update(*usage);
    Usage u = counts_.usage();
    return u.known ? sink.put({.kind = DeltaKind::usage, .usage = &u}) : kOk;
}

Status AnswerReader::put_error(const ApiError& error, DeltaSink& sink)
{
    failed_ = true;
    return sink.put({.kind = DeltaKind::error, .error = &error});
}

Status AnswerReader::read_candidate(const Value& v, DeltaSink& sink)
{
    const Value* index = v.get("index");
    uint64_t at = index ? index->to_uint().value_or(0) : 0;
    if (at >= kMaxCandidates) return fail(Errc::too_many, "too many candidates");
    auto n = static_cast<uint32_t>(at);
    if (n >= candidates_.size()) candidates_.resize(n + 1);
    if (!candidates_[n].begun) {
        candidates_[n].begun = true;
        if (Status s = sink.put({.kind = DeltaKind::role, .choice = n}); !s.ok()) return s;
    }
    const Value* content = v.get("content");
    const Value* parts = content ? content->get("parts") : nullptr;
    if (parts && parts->is_array()) {
        for (const Value& part : *parts) {
            if (Status s = read_part(part, n, sink); !s.ok()) return s;
        }
    }
    if (const Value* result = v.get("logprobsResult")) {
        if (Status s = read_logprobs(*result, n, sink); !s.ok()) return s;
    }
    return read_finish(v, n, sink);
}

Status AnswerReader::read_part(const Value& part, uint32_t n, DeltaSink& sink)
{
    if (const Value* call = part.get("functionCall")) return read_call(part, *call, n, sink);
    if (const Value* blob = part.get("inlineData")) {
        if (Status s = read_image(*blob, n, sink); !s.ok()) return s;
    }
    if (Status s = read_text(part, n, sink); !s.ok()) return s;
    return read_signature(part, n, sink);
}

Status AnswerReader::read_text(const Value& part, uint32_t n, DeltaSink& sink)
{
    const Value* text = part.get("text");
    if (!text || !text->is_string()) return kOk;
    Candidate& c = candidates_[n];
    if (!is_set(part.get("thought"))) {
        return sink.put({.kind = DeltaKind::text, .choice = n, .text = text_of(text)});
    }
    c.thinks = c.thinks || !text->body().empty();
    return sink.put({.kind = DeltaKind::reasoning, .choice = n, .index = c.thoughts, .text = text_of(text)});
}

// Media of other kinds have no place in the answer.
Status AnswerReader::read_image(const Value& blob, uint32_t n, DeltaSink& sink)
{
    const Value* media = blob.get("mimeType");
    const Value* data = blob.get("data");
    if (!media || !data || !media->body().starts_with("image/") || data->body().empty()) return kOk;
    return sink.put({.kind = DeltaKind::image,
                     .choice = n,
                     .index = candidates_[n].images++,
                     .text = text_of(data),
                     .id = text_of(media)});
}

// chosenCandidates and topCandidates have an element for each token.
Status AnswerReader::read_logprobs(const Value& result, uint32_t n, DeltaSink& sink)
{
    const Value* chosen = result.get("chosenCandidates");
    const Value* top = result.get("topCandidates");
    if (!chosen || !chosen->is_array() || chosen->size() == 0) return kOk;
    Rope elements;
    auto others = Value::Iterator(nullptr), end = others;
    if (top && top->is_array()) {
        others = top->begin();
        end = top->end();
    }
    for (const Value& token : *chosen) {
        if (!elements.empty()) elements.append(',');
        Writer w(elements);
        auto object = w.object();
        write_token(w, token);
        auto list = w.array("top_logprobs");
        if (others == end) continue;
        const Value* candidates = others->get("candidates");
        ++others;
        if (!candidates || !candidates->is_array()) continue;
        for (const Value& one : *candidates) {
            auto other = w.object();
            write_token(w, one);
        }
    }
    std::string text = elements.str();
    return sink.put({.kind = DeltaKind::logprobs, .choice = n, .text = {text, false}});
}

// A block of its own, without text: so it is told apart from thinking that
// another provider has signed (parts.cc).
Status AnswerReader::read_signature(const Value& part, uint32_t n, DeltaSink& sink)
{
    const Value* signature = part.get("thoughtSignature");
    if (!signature || signature->body().empty()) return kOk;
    Candidate& c = candidates_[n];
    if (c.thinks) {
        c.thinks = false;
        Delta end{.kind = DeltaKind::signature, .choice = n, .index = c.thoughts++};
        if (Status s = sink.put(end); !s.ok()) return s;
    }
    return sink.put({.kind = DeltaKind::signature, .choice = n, .index = c.thoughts++, .text = text_of(signature)});
}

Status AnswerReader::read_call(const Value& part, const Value& call, uint32_t n, DeltaSink& sink)
{
    Candidate& c = candidates_[n];
    bool goes_on = is_set(call.get("willContinue"));
    if (const Value* name = call.get("name"); name && !name->body().empty()) {
        // The end of the call before may have been left out.
        if (Status s = close_call(n, sink); !s.ok()) return s;
        if (Status s = begin_call(part, call, n, sink); !s.ok()) return s;
        const Value* args = call.get("args");
        if (!goes_on && !call.get("partialArgs")) return end_call(args ? args->raw() : "{}", n, sink);
    } else if (!c.calls_open) {
        // An end behind an end.
        return call.size() == 0 ? kOk : fail(Errc::protocol, "function call without a name");
    }
    if (const Value* pieces = call.get("partialArgs"); pieces && pieces->is_array()) {
        for (const Value& piece : *pieces) {
            if (Status s = c.args.add(piece, options_.max_tool_arguments); !s.ok()) return s;
        }
    }
    return goes_on ? kOk : close_call(n, sink);
}

Status AnswerReader::begin_call(const Value& part, const Value& call, uint32_t n, DeltaSink& sink)
{
    Candidate& c = candidates_[n];
    const Value& name = *call.get("name");
    if (c.calls >= kMaxCalls) return fail(Errc::too_many, "too many tool calls");
    c.calls_open = true;
    c.json_open = !options_.hints.json_tool.empty() && name.is(options_.hints.json_tool);
    if (c.json_open) return kOk;
    std::string minted;
    Text id = text_of(call.get("id"));
    if (id.empty()) {
        minted = mint_id();
        id = {minted, false};
    }
    return sink.put({.kind = DeltaKind::tool_start,
                     .choice = n,
                     .index = c.calls,
                     .text = text_of(&name),
                     .id = id,
                     .signature = text_of(part.get("thoughtSignature"))});
}

Status AnswerReader::end_call(std::string_view args, uint32_t n, DeltaSink& sink)
{
    Candidate& c = candidates_[n];
    c.calls_open = false;
    if (args.size() > options_.max_tool_arguments) return fail(Errc::too_large, "tool arguments too large");
    if (c.json_open) return sink.put({.kind = DeltaKind::text, .choice = n, .text = {args, false}});
    return sink.put(
        {.kind = DeltaKind::tool_args, .json_args = true, .choice = n, .index = c.calls++, .text = {args, false}});
}

Status AnswerReader::close_call(uint32_t n, DeltaSink& sink)
{
    if (!candidates_[n].calls_open) return kOk;
    std::string args = candidates_[n].args.take();
    return end_call(args, n, sink);
}

// Gemini gives calls no ids.
std::string AnswerReader::mint_id()
{
    return "call_" + id_ + '_' + std::to_string(minted_++);
}

Status AnswerReader::read_finish(const Value& v, uint32_t n, DeltaSink& sink)
{
    const Value* reason = v.get("finishReason");
    if (!reason || reason->body().empty()) return kOk;
    Candidate& c = candidates_[n];
    c.finished = true;
    c.reason = FinishReason::stop;
    for (const FinishRow& row : kFinishReasons) {
        if (reason->is(row.name)) c.reason = row.reason;
    }
    const Value* message = v.get("finishMessage");
    if (c.reason == FinishReason::none) {
        std::string text = "The upstream's model ended with " + reason->text();
        if (message && !message->body().empty()) text += ": " + message->text();
        return put_error(make_error(ErrorClass::upstream_server, text + '.'), sink);
    }
    if (c.reason != FinishReason::content_filter) return kOk;
    return sink.put({.kind = DeltaKind::refusal, .choice = n, .text = text_of(message)});
}

// A prompt that is not answered at all.
Status AnswerReader::read_block(const Value& feedback, DeltaSink& sink)
{
    const Value* reason = feedback.get("blockReason");
    if (!reason || reason->body().empty() || !candidates_.empty()) return kOk;
    candidates_.resize(1);
    candidates_[0].begun = candidates_[0].finished = true;
    candidates_[0].reason = FinishReason::content_filter;
    return sink.put({.kind = DeltaKind::refusal, .text = text_of(feedback.get("blockReasonMessage"))});
}

Status AnswerReader::end(DeltaSink& sink)
{
    bool any = false;
    for (const Candidate& c : candidates_) {
        if (c.begun && !c.finished) return fail(Errc::truncated, "answer without finish reason");
        any = any || c.finished;
    }
    if (!any) return fail(Errc::truncated, "answer without candidates");
    for (uint32_t n = 0; n < candidates_.size(); n++) {
        if (!candidates_[n].begun) continue;
        if (Status s = close_call(n, sink); !s.ok()) return s;
        FinishReason reason = candidates_[n].reason;
        if (reason == FinishReason::stop && candidates_[n].calls > 0) reason = FinishReason::tool_calls;
        if (Status s = sink.put({.kind = DeltaKind::finish, .choice = n, .finish = reason}); !s.ok()) return s;
    }
    return sink.put({.kind = DeltaKind::end});
}

Status decode(std::string_view body, const dialects::DecodeOptions& options, DeltaSink& sink)
{
    json::Document doc;
    if (Status s = doc.parse(body, json::Mode::liberal, options.json); !s.ok()) return s;
    if (is_nothing(doc.root())) return fail(Errc::protocol, "answer without candidates");
    AnswerReader reader(options);
    if (Status s = reader.read(doc.root(), sink); !s.ok() || reader.failed()) return s;
    return reader.end(sink);
}

constinit const dialects::Dialect kDialect = {
    .name = "gemini",
    .same_as = std::nullopt,
    .encode = encode,
    .decode = decode,
    .decode_error = static_cast<ApiError (*)(int, std::string_view)>(decode_error),
    .stream = make_stream,
};

constinit const dialects::Dialect kVertexDialect = {
    .name = "gemini",
    .same_as = std::nullopt,
    .encode = encode_vertex,
    .decode = decode,
    .decode_error = static_cast<ApiError (*)(int, std::string_view)>(decode_error),
    .stream = make_stream,
};

}  // namespace llm::gemini
