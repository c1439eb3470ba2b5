#include "client/completions/response.hpp"

namespace llm::completions {

using chat::Delta;
using chat::DeltaKind;
using client::append_inside;
using client::inside_of;
using client::write_inside;
using json::Writer;

namespace {

constexpr uint32_t kMaxChoices = 128;
constexpr uint32_t kMaxCalls = 1024;

}  // namespace

AnswerWriter::Call& AnswerWriter::call(Choice& choice, uint32_t index)
{
    if (index >= choice.calls.size()) choice.calls.resize(index + 1);
    return choice.calls[index];
}

void AnswerWriter::end_thinking(Choice& choice, const chat::Text& signature)
{
    std::string text = choice.thinking.str();
    choice.thinking.clear();
    Rope block;
    Writer w(block);
    write_thinking(w, {text}, signature);
    if (!choice.blocks.empty()) choice.blocks += ',';
    choice.blocks += block.str();
}

Status AnswerWriter::put(const Delta& delta)
{
    if (delta.choice >= kMaxChoices) return fail(Errc::too_many, "too many choices");
    if (delta.index >= kMaxCalls) return fail(Errc::too_many, "too many tool calls");
    if (delta.choice >= choices_.size()) choices_.resize(delta.choice + 1);
    Choice& choice = choices_[delta.choice];

    switch (delta.kind) {
        case DeltaKind::start:
            if (id_.empty()) id_ = inside_of(client::answer_id(delta.id, options_));
            if (model_.empty()) model_ = inside_of(client::answer_model(delta.model, options_));
            break;
        case DeltaKind::text:
            append_inside(choice.text, delta.text);
            break;
        case DeltaKind::refusal:
            append_inside(choice.refusal, delta.text);
            break;
        case DeltaKind::reasoning:
            append_inside(choice.reasoning, delta.text);
            append_inside(choice.thinking, delta.text);
            break;
        case DeltaKind::signature:
            end_thinking(choice, delta.text);
            break;
        case DeltaKind::redacted: {
            Rope block;
            Writer w(block);
            write_redacted(w, delta.text);
            if (!choice.blocks.empty()) choice.blocks += ',';
            choice.blocks += block.str();
            break;
        }
        case DeltaKind::tool_start:
            append_inside(call(choice, delta.index).id, delta.id);
            append_inside(call(choice, delta.index).name, delta.text);
            append_inside(call(choice, delta.index).signature, delta.signature);
            break;
        case DeltaKind::tool_args:
            if (delta.json_args) {
                json::append_compact_escaped(call(choice, delta.index).arguments, delta.text.bytes);
            } else {
                append_inside(call(choice, delta.index).arguments, delta.text);
            }
            break;
        case DeltaKind::image: {
            if (!choice.images.empty()) choice.images.append(',');
            Writer w(choice.images);
            write_image(w, delta.id, delta.text, delta.index);
            break;
        }
        case DeltaKind::logprobs:
            if (!choice.logprobs.empty()) choice.logprobs.append(',');
            choice.logprobs.append(delta.text.bytes);
            break;
        case DeltaKind::finish:
            choice.finish = delta.finish;
            break;
        case DeltaKind::usage:
            usage_ = *delta.usage;
            break;
        case DeltaKind::role:
        case DeltaKind::ping:
        case DeltaKind::opaque:
        case DeltaKind::error:
        case DeltaKind::end:
            break;
    }
    return kOk;
}

void AnswerWriter::write_choice(Writer& w, Choice& choice, size_t index)
{
    auto object = w.object();
    w.member("index", index);
    {
        auto message = w.object("message");
        w.string_member("role", "assistant");
        w.key("content");
        if (choice.text.empty() && (!choice.calls.empty() || !choice.refusal.empty())) {
            w.null();
        } else {
            write_inside(w, choice.text);
        }
        w.key("refusal");
        if (choice.refusal.empty()) {
            w.null();
        } else {
            write_inside(w, choice.refusal);
        }
        if (!choice.reasoning.empty()) write_inside(w.key("reasoning_content"), choice.reasoning);
        if (!choice.blocks.empty()) {
            auto blocks = w.array("thinking_blocks");
            w.raw(choice.blocks);
        }
        if (!choice.images.empty()) {
            auto images = w.array("images");
            w.copy(choice.images.str());
        }
        if (!choice.calls.empty()) {
            auto calls = w.array("tool_calls");
            for (const Call& c : choice.calls) {
                auto one = w.object();
                write_inside(w.key("id"), c.id);
                w.string_member("type", "function");
                if (!c.signature.empty()) write_call_signature(w, {c.signature.str()});
                auto function = w.object("function");
                write_inside(w.key("name"), c.name);
                write_inside(w.key("arguments"), c.arguments);
            }
        }
    }
    w.key("logprobs");
    if (choice.logprobs.empty()) {
        w.null();
    } else {
        auto logprobs = w.object();
        {
            auto content = w.array("content");
            w.copy(choice.logprobs.str());
        }
        w.key("refusal").null();
    }
    w.string_member("finish_reason", finish_reason_name(choice.finish));
}

void AnswerWriter::write(Rope& out)
{
    if (choices_.empty()) choices_.resize(1);
    Writer w(out);
    auto body = w.object();
    // Without a start there is neither yet.
    if (id_.empty()) id_ = inside_of(client::answer_id({}, options_));
    if (model_.empty()) model_ = inside_of(client::answer_model({}, options_));
    w.key("id").escaped(id_);
    w.string_member("object", "chat.completion");
    w.member("created", static_cast<uint64_t>(options_.created));
    w.key("model").escaped(model_);
    {
        auto choices = w.array("choices");
        for (size_t i = 0; i < choices_.size(); i++) write_choice(w, choices_[i], i);
    }
    if (usage_.known) write_usage(w, usage_);
}

}  // namespace llm::completions
