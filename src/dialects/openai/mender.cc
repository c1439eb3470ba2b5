#include "dialects/openai/mender.hpp"

#include "base/text.hpp"
#include "dialects/openai/openai.hpp"
#include "json/writer.hpp"

namespace llm::openai {

using json::Value;

namespace {

constexpr size_t kMaxId = 64;

// OpenAI's words, in the order of FinishReason.
constexpr std::string_view kFinishWords[] = {"null", "stop", "length", "tool_calls", "content_filter"};

std::string quoted(std::string_view body)
{
    return '"' + std::string(body) + '"';
}

bool is_empty(const Value* v) noexcept
{
    return !v || (v->is_string() && v->body().empty());
}

const Value* usage_of(const Value* object) noexcept
{
    const Value* usage = object ? object->get("usage") : nullptr;
    return usage && usage->is_object() ? usage : nullptr;
}

// A chunk that has no part of the answer.
bool is_annotation(const Value& root) noexcept
{
    const Value* choices = root.get("choices");
    if (usage_of(&root) || (choices && !choices->is_array())) return false;
    if (!choices) return true;
    for (const Value& choice : *choices) {
        if (choice.get("delta")) return false;
    }
    return true;
}

}  // namespace

const Value* find_usage(const Value& root, const dialects::AnswerQuirks& quirks) noexcept
{
    const Value* usage = usage_of(&root);
    if (usage || !quirks.usage) return usage;
    const Value* choices = root.get("choices");
    if (choices && choices->is_array() && choices->size() > 0) usage = usage_of(&*choices->begin());
    return usage ? usage : usage_of(root.get("x_groq"));
}

void Mender::envelope(const Value& root)
{
    const Value* id = root.get("id");
    if (quirks_.calls && id_.empty() && id && text::is_token(id->body(), kMaxId)) id_ = id->body();
    if (!mends_) return;
    if (quirks_.empty_chunks && is_empty(id)) mends_->withheld = is_annotation(root);
    if (!quirks_.object) return;
    std::string_view word = shape_ == Shape::chunk ? "chat.completion.chunk" : "chat.completion";
    const Value* object = root.find("object");
    if (!object) {
        mends_->splice.add_member(root, "object", quoted(word));
    } else if (!object->is(word)) {
        mends_->splice.replace(object->raw(), quoted(word));
    }
}

void Mender::number(const Value& object, std::string_view name, int64_t n)
{
    const Value* v = object.find(name);
    std::string text = std::to_string(n);
    if (!v) return mends_->splice.add_member(object, name, text);
    if (v->raw() != text) mends_->splice.replace(v->raw(), text);
}

void Mender::usage(const Value& root, const Value& found, const chat::Usage& usage)
{
    if (!mends_ || !quirks_.usage) return;
    if (usage_of(&root) != &found) {
        const Value* there = root.find("usage");
        if (!there) return mends_->splice.add_member(root, "usage", found.raw());
        return mends_->splice.replace(there->raw(), std::string(found.raw()));
    }
    number(found, "prompt_tokens", usage.prompt);
    number(found, "completion_tokens", usage.completion);
    number(found, "total_tokens", usage.total());
    if (usage.cache_read > 0 && !found.find("prompt_tokens_details")) {
        std::string details = R"({"cached_tokens":)" + std::to_string(usage.cache_read) + '}';
        mends_->splice.add_member(found, "prompt_tokens_details", details);
    }
}

void Mender::body(const Value& body, bool first)
{
    if (!mends_ || !body.is_object()) return;
    if (quirks_.role && first && !body.get("role")) {
        const Value* null = body.find("role");
        if (null) mends_->splice.replace(null->raw(), R"("assistant")");
        if (!null) mends_->splice.add_member(body, "role", R"("assistant")");
    }
    if (quirks_.reasoning) {
        const Value* reasoning = body.get("reasoning");
        if (reasoning && reasoning->is_string() && !body.find("reasoning_content")) {
            mends_->splice.rename(*reasoning, "reasoning_content");
        }
    }
    const Value* calls = body.get("tool_calls");
    if (quirks_.calls && calls && calls->is_object()) {
        mends_->splice.replace(calls->raw().substr(0, 0), "[");
        mends_->splice.replace(calls->raw().substr(calls->raw().size()), "]");
    }
    const Value* parts = body.get("content");
    if (quirks_.content_parts && parts && parts->is_array()) content(body, *parts);
}

// Texts become the content, thoughts `reasoning_content`.
void Mender::content(const Value& body, const Value& parts)
{
    std::string text, thoughts;
    for (const Value& part : parts) {
        if (const Value* t = part.get("text")) text += t->body();
        const Value* thinking = part.get("thinking");
        if (!thinking || !thinking->is_array()) continue;
        for (const Value& piece : *thinking) {
            if (const Value* t = piece.get("text")) thoughts += t->body();
        }
    }
    mends_->splice.replace(parts.raw(), quoted(text));
    if (!thoughts.empty() && !body.find("reasoning_content")) {
        mends_->splice.add_member(body, "reasoning_content", quoted(thoughts));
    }
}

std::string Mender::made_id(uint32_t choice, size_t index) const
{
    std::string id = "call_";
    if (!id_.empty()) id += id_ + '_';
    if (choice > 0) id += std::to_string(choice) + '_';
    return id + std::to_string(index);
}

void Mender::call(const Value& call, bool begins, size_t index, std::string_view made)
{
    if (!mends_) return;
    const Value* function = call.get("function");
    if (quirks_.arguments && function) {
        const Value* arguments = function->get("arguments");
        if (arguments && arguments->is_object()) {
            Rope text;
            json::append_compact_escaped(text, arguments->raw());
            mends_->splice.replace(arguments->raw(), quoted(text.str()));
        }
    }
    if (!quirks_.calls) return;

    json::Splice& splice = mends_->splice;
    if (shape_ == Shape::chunk) number(call, "index", static_cast<int64_t>(index));
    const Value* id = call.find("id");
    if (!made.empty()) {
        if (id) splice.replace(id->raw(), quoted(made));
        if (!id) splice.add_member(call, "id", quoted(made));
    } else if (id && is_empty(id)) {
        splice.remove(call, *id);
    }
    if (begins && function && !call.find("type")) splice.add_member(call, "type", R"("function")");
    const Value* name = function ? function->find("name") : nullptr;
    if (!begins && name && (name->is_null() || is_empty(name))) splice.remove(*function, *name);
}

void Mender::no_finish(const Value& choice)
{
    if (!mends_ || !quirks_.finish || shape_ != Shape::chunk || choice.find("finish_reason")) return;
    mends_->splice.add_member(choice, "finish_reason", "null");
}

void Mender::finish(const Value& reason, chat::FinishReason meant)
{
    if (!mends_ || !quirks_.finish) return;
    std::string_view word = kFinishWords[static_cast<size_t>(meant)];
    if (meant == chat::FinishReason::none) return mends_->splice.replace(reason.raw(), std::string(word));
    if (!reason.is(word) && !reason.is("function_call")) mends_->splice.replace(reason.raw(), quoted(word));
}

}  // namespace llm::openai
