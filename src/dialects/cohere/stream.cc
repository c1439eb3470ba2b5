// Event streams (wire format: cohere, section 4).
#include "dialects/cohere/cohere.hpp"

namespace llm::cohere {

namespace {

using namespace chat;
using json::Value;

Text text_of(const Value* v) noexcept
{
    return {v ? v->body() : std::string_view()};
}

class Decoder final : public dialects::StreamDecoder {
public:
    explicit Decoder(const dialects::DecodeOptions& options) : options_(options) {}

    Status event(const wire::WireEvent& event, DeltaSink& sink) override
    {
        if (ended_ || event.data.empty() || event.data.starts_with("[DONE]")) return kOk;
        if (Status s = doc_.parse_next(event.data, json::Mode::liberal, options_.json); !s.ok()) return s;
        const Value& root = doc_.root();
        const Value* type = root.find("type");
        const Value* delta = root.get("delta");
        if (!type) return on_untyped(root, event.data, sink);
        if (type->is("message-end")) return on_end(delta, sink);
        const Value* message = delta ? delta->get("message") : nullptr;

        if (type->is("content-delta") || type->is("content-start")) return on_content(message, sink);
        if (type->is("tool-plan-delta")) return on_plan(message, sink);
        if (type->is("tool-call-delta")) return on_arguments(message, sink);
        if (type->is("tool-call-start")) return on_call(message, sink);
        if (type->is("tool-call-end")) return end_call(sink);
        if (type->is("message-start")) return on_start(root, sink);
        return kOk;  // citations, ends of content, and what is yet to come
    }

    Status end(DeltaSink&) override { return ended_ ? kOk : fail(Errc::truncated, "stream ended without message-end"); }

    // What is said changes nothing here.
    bool repeats_text() const noexcept override { return true; }

private:
    static constexpr std::string_view kNull = "null";

    // An error in the middle has no type.
    Status on_untyped(const Value& root, std::string_view data, DeltaSink& sink)
    {
        if (!root.get("message")) return fail(Errc::protocol, "event without type");
        ApiError error = decode_error(0, data);
        ended_ = true;
        return sink.put({.kind = DeltaKind::error, .error = &error});
    }

    Status on_start(const Value& root, DeltaSink& sink)
    {
        Delta start{.kind = DeltaKind::start, .id = text_of(root.get("id")), .model = {options_.hints.model, false}};
        if (Status s = sink.put(start); !s.ok()) return s;
        return sink.put({.kind = DeltaKind::role});
    }

    Status on_plan(const Value* message, DeltaSink& sink)
    {
        const Value* plan = message ? message->get("tool_plan") : nullptr;
        return plan ? sink.put({.kind = DeltaKind::reasoning, .text = text_of(plan)}) : kOk;
    }

    Status on_content(const Value* message, DeltaSink& sink)
    {
        const Value* content = message ? message->get("content") : nullptr;
        if (!content) return kOk;
        if (const Value* thinking = content->get("thinking")) {
            return sink.put({.kind = DeltaKind::reasoning, .text = text_of(thinking)});
        }
        const Value* text = content->get("text");
        return text ? sink.put({.kind = DeltaKind::text, .text = text_of(text)}) : kOk;
    }

    Status on_call(const Value* message, DeltaSink& sink)
    {
        if (Status s = end_call(sink); !s.ok()) return s;  // one that was not ended
        const Value* call = message ? message->get("tool_calls") : nullptr;
        const Value* function = call ? call->get("function") : nullptr;
        if (!function) return fail(Errc::protocol, "tool call without function");
        Delta start{.kind = DeltaKind::tool_start,
                    .index = calls_,
                    .text = text_of(function->get("name")),
                    .id = text_of(call->get("id"))};
        if (start.text.empty() || start.id.empty()) return fail(Errc::protocol, "tool call without name or id");
        open_ = true;
        args_ = 0;
        held_ = 0;
        said_ = false;
        if (Status s = sink.put(start); !s.ok()) return s;
        return put_arguments(text_of(function->get("arguments")), sink);
    }

    Status on_arguments(const Value* message, DeltaSink& sink)
    {
        const Value* call = message ? message->get("tool_calls") : nullptr;
        const Value* function = call ? call->get("function") : nullptr;
        return put_arguments(text_of(function ? function->get("arguments") : nullptr), sink);
    }

    // `null` stands for the arguments of a tool that takes none: what may become
    // one is held.
    Status put_arguments(Text piece, DeltaSink& sink)
    {
        if (!open_ || piece.empty()) return kOk;
        args_ += piece.bytes.size();
        if (args_ > options_.max_tool_arguments) return fail(Errc::too_large, "tool arguments too large");
        if (!said_ && kNull.substr(held_).starts_with(piece.bytes)) {
            held_ += piece.bytes.size();
            return kOk;
        }
        if (Status s = flush(sink); !s.ok()) return s;
        return sink.put({.kind = DeltaKind::tool_args, .index = calls_, .text = piece});
    }

    Status flush(DeltaSink& sink)
    {
        said_ = true;
        if (held_ == 0) return kOk;
        Text text{kNull.substr(0, held_)};
        held_ = 0;
        return sink.put({.kind = DeltaKind::tool_args, .index = calls_, .text = text});
    }

    Status end_call(DeltaSink& sink)
    {
        if (!open_) return kOk;
        open_ = false;
        uint32_t index = calls_;
        if (!said_ && (held_ == 0 || held_ == kNull.size())) {
            calls_++;
            return sink.put({.kind = DeltaKind::tool_args, .index = index, .text = {"{}"}});
        }
        Status s = flush(sink);
        calls_++;
        return s;
    }

    Status on_end(const Value* delta, DeltaSink& sink)
    {
        if (Status s = end_call(sink); !s.ok()) return s;
        ended_ = true;
        if (const Value* usage = delta ? delta->get("usage") : nullptr) {
            Usage u = read_usage(*usage);
            if (Status s = sink.put({.kind = DeltaKind::usage, .usage = &u}); !s.ok()) return s;
        }
        const Value* reason = delta ? delta->get("finish_reason") : nullptr;
        bool failed = reason && (reason->is("ERROR") || reason->is("TIMEOUT"));
        if (Status s = put_finish(reason, sink); !s.ok() || failed) return s;
        return sink.put({.kind = DeltaKind::end});
    }

    dialects::DecodeOptions options_;
    json::Document doc_;
    uint32_t calls_ = 0;
    size_t args_ = 0;    // bytes of the open call's
    size_t held_ = 0;    // of them, the first letters of `null`
    bool said_ = false;  // some have been put
    bool open_ = false;
    bool ended_ = false;
};

}  // namespace

std::unique_ptr<dialects::StreamDecoder> make_stream(const dialects::DecodeOptions& options)
{
    return std::make_unique<Decoder>(options);
}

}  // namespace llm::cohere
