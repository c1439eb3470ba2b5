#include "client/completions/stream.hpp"

namespace llm::completions {

using chat::Delta;
using chat::DeltaKind;
using client::write_text;
using json::Writer;

namespace {

// n > 1 is rare and small; a provider's index beyond this is its mistake.
constexpr uint32_t kMaxChoices = 128;

}  // namespace

StreamWriter::Choice& StreamWriter::choice(uint32_t index)
{
    if (index >= choices_.size()) choices_.resize(index + 1);
    return choices_[index];
}

// Everything up to the choices is the same in every chunk.
void StreamWriter::start(const Delta& delta)
{
    if (!head_.empty()) return;
    Rope head;
    Writer w(head);
    {
        auto chunk = w.object();
        write_text(w.key("id"), client::answer_id(delta.id, options_));
        w.string_member("object", "chat.completion.chunk");
        w.member("created", static_cast<uint64_t>(options_.created));
        write_text(w.key("model"), client::answer_model(delta.model, options_));
    }
    std::string text = head.str();
    text.back() = ',';  // the closing brace comes with each chunk's end
    text += "\"choices\":[";
    head_ = std::move(text);
}

void StreamWriter::open_chunk(Rope& out)
{
    if (head_.empty()) start(Delta{.kind = DeltaKind::start});
    out.append("data: ");
    out.append(head_);
}

void StreamWriter::open_choice(uint32_t index, Rope& out)
{
    open_chunk(out);
    out.append("{\"index\":");
    out.append(std::to_string(index));
    out.append(",\"delta\":");
}

void StreamWriter::close_choice(Rope& out, std::string_view finish_reason)
{
    out.append(",\"logprobs\":null,\"finish_reason\":");
    if (finish_reason.empty()) {
        out.append("null}]");
    } else {
        out.append("\"");
        out.append(finish_reason);
        out.append("\"}]");
    }
}

void StreamWriter::close_chunk(Rope& out)
{
    if (options_.include_usage) out.append(",\"usage\":null");
    out.append("}\n\n");
}

void StreamWriter::say_role(uint32_t index, Rope& out)
{
    if (choice(index).role) return;
    choice(index).role = true;
    open_choice(index, out);
    out.append("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}");
    close_choice(out, {});
    close_chunk(out);
}

void StreamWriter::content(const Delta& delta, Rope& out)
{
    say_role(delta.choice, out);
    open_choice(delta.choice, out);
    Writer w(out);
    {
        auto object = w.object();
        switch (delta.kind) {
            case DeltaKind::text:
                write_text(w.key("content"), delta.text);
                break;
            case DeltaKind::refusal:
                write_text(w.key("refusal"), delta.text);
                break;
            case DeltaKind::reasoning: {
                write_text(w.key("reasoning_content"), delta.text);
                auto blocks = w.array("thinking_blocks");
                write_thinking(w, delta.text, {}, delta.index);
                break;
            }
            case DeltaKind::signature: {
                auto blocks = w.array("thinking_blocks");
                write_thinking(w, {}, delta.text, delta.index);
                break;
            }
            case DeltaKind::redacted: {
                auto blocks = w.array("thinking_blocks");
                write_redacted(w, delta.text, delta.index);
                break;
            }
            case DeltaKind::image: {
                auto images = w.array("images");
                write_image(w, delta.id, delta.text, delta.index);
                break;
            }
            default: {
                auto calls = w.array("tool_calls");
                auto call = w.object();
                w.member("index", delta.index);
                bool starts = delta.kind == DeltaKind::tool_start;
                if (starts) {
                    write_text(w.key("id"), delta.id);
                    w.string_member("type", "function");
                    write_call_signature(w, delta.signature);
                }
                auto function = w.object("function");
                if (starts) {
                    write_text(w.key("name"), delta.text);
                    w.string_member("arguments", "");
                } else if (delta.json_args) {
                    w.key("arguments").begin_string();
                    json::append_compact_escaped(out, delta.text.bytes);
                    w.end_string();
                } else {
                    write_text(w.key("arguments"), delta.text);
                }
                break;
            }
        }
    }
    close_choice(out, {});
    close_chunk(out);
}

void StreamWriter::logprobs(const Delta& delta, Rope& out)
{
    say_role(delta.choice, out);
    open_choice(delta.choice, out);
    out.append("{},\"logprobs\":{\"content\":[");
    out.append(delta.text.bytes);
    out.append("],\"refusal\":null},\"finish_reason\":null}]");
    close_chunk(out);
}

void StreamWriter::finish(const Delta& delta, Rope& out)
{
    if (choice(delta.choice).finished) return;
    choice(delta.choice).finished = true;
    say_role(delta.choice, out);
    open_choice(delta.choice, out);
    out.append("{}");
    close_choice(out, finish_reason_name(delta.finish));
    close_chunk(out);
}

void StreamWriter::end(Rope& out)
{
    if (options_.include_usage && usage_.known) {
        open_chunk(out);
        out.append("],");
        Writer w(out);
        write_usage(w, usage_);
        out.append("}\n\n");
    }
    out.append(kDone);
}

void StreamWriter::put(const Delta& delta, Rope& out)
{
    if (delta.choice >= kMaxChoices) return;
    switch (delta.kind) {
        case DeltaKind::start:
            return start(delta);
        case DeltaKind::role:
            return say_role(delta.choice, out);
        case DeltaKind::logprobs:
            return logprobs(delta, out);
        case DeltaKind::finish:
            return finish(delta, out);
        case DeltaKind::usage:
            usage_ = *delta.usage;
            return;
        case DeltaKind::end:
            return end(out);
        case DeltaKind::error:
        case DeltaKind::ping:
        case DeltaKind::opaque:
            return;
        case DeltaKind::tool_args:
            if (delta.text.empty()) return;
            break;
        default:
            if (delta.kind != DeltaKind::signature && !delta.is_content()) return;
            break;
    }
    content(delta, out);
}

void StreamWriter::annotate(std::string_view name, std::string_view json, Rope& out)
{
    open_chunk(out);
    out.append("],\"");
    out.append(name);
    out.append("\":");
    out.append(json);
    close_chunk(out);
}

void StreamWriter::fail(const chat::ApiError& error, Rope& out)
{
    open_choice(0, out);
    out.append("{}");
    close_choice(out, "error");
    out.append(',');
    Writer w(out);
    write_error(w, error);
    out.append("}\n\n");
}

}  // namespace llm::completions
