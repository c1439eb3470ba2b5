#include "relay/validator.hpp"

#include <array>

#include "client/answer.hpp"

namespace llm::relay {

using chat::Delta;
using chat::DeltaKind;
using chat::FinishReason;

std::string_view name_of(Flaw flaw) noexcept
{
    static constexpr std::array<std::string_view, 4> kNames = {
        "none", "empty answer", "tool arguments that are no JSON", "text where JSON was asked for"};
    return kNames[static_cast<size_t>(flaw)];
}

std::string_view code_of(Flaw flaw) noexcept
{
    static constexpr std::array<std::string_view, 4> kCodes = {"none", "empty", "tool_arguments", "not_json"};
    return kCodes[static_cast<size_t>(flaw)];
}

void Validator::keep(Piece& piece, const chat::Text& text)
{
    kept_ += text.bytes.size();
    if (kept_ > kMaxText) return;
    if (text.escaped) {
        piece.inside += text.bytes;
    } else {
        piece.inside += client::inside_of(text);
    }
}

void Validator::note(const Delta& delta)
{
    if (delta.choice >= kMaxChoices || delta.index >= kMaxCalls) return;
    if (delta.kind == DeltaKind::usage || delta.kind == DeltaKind::start || delta.kind == DeltaKind::end) return;
    if (delta.choice >= choices_.size()) choices_.resize(delta.choice + 1);
    Choice& choice = choices_[delta.choice];
    switch (delta.kind) {
        case DeltaKind::text:
            // The text of an answer that may be any is not needed.
            if (json_) {
                keep(choice.text, delta.text);
            } else {
                choice.other = choice.other || !delta.text.empty();
            }
            break;
        case DeltaKind::tool_start:
        case DeltaKind::tool_args: {
            if (delta.index >= choice.calls.size()) choice.calls.resize(delta.index + 1);
            Piece& call = choice.calls[delta.index];
            call.whole_json = call.whole_json || delta.json_args;
            if (delta.kind == DeltaKind::tool_args && !delta.json_args) keep(call, delta.text);
            break;
        }
        case DeltaKind::finish:
            choice.finish = delta.finish;
            break;
        case DeltaKind::refusal:
        case DeltaKind::image:
        case DeltaKind::opaque:
        case DeltaKind::reasoning:
        case DeltaKind::redacted:
            choice.other = choice.other || delta.is_content();
            break;
        default:
            break;
    }
}

bool Validator::is_json(const Piece& piece, bool object)
{
    std::string text;
    json::append_decoded(text, piece.inside);
    json::Document doc;
    return doc.parse(text, json::Mode::strict, limits_).ok() && (!object || doc.root().is_object());
}

Flaw Validator::judge(const Choice& choice, size_t index)
{
    // What was cut off or filtered says so itself.
    if (choice.finish == FinishReason::length || choice.finish == FinishReason::content_filter) return Flaw::none;
    place_ = "choices[" + std::to_string(index) + "].message";
    if (choice.calls.empty() && choice.text.inside.empty() && !choice.other) return Flaw::empty;
    for (size_t i = 0; i < choice.calls.size(); i++) {
        // Without parameters there may be nothing to say.
        const Piece& call = choice.calls[i];
        if (call.whole_json || call.inside.empty() || is_json(call, true)) continue;
        place_ += ".tool_calls[" + std::to_string(i) + "].function.arguments";
        return Flaw::tool_arguments;
    }
    if (!json_ || !choice.calls.empty() || choice.text.inside.empty() || is_json(choice.text, false)) return Flaw::none;
    place_ += ".content";
    return Flaw::not_json;
}

Flaw Validator::judge()
{
    if (kept_ > kMaxText) return Flaw::none;
    if (choices_.empty()) choices_.emplace_back();
    for (size_t i = 0; i < choices_.size(); i++) {
        if (Flaw flaw = judge(choices_[i], i); flaw != Flaw::none) return flaw;
    }
    place_.clear();
    return Flaw::none;
}

}  // namespace llm::relay
