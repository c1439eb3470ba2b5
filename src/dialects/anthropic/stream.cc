// Event streams (wire format: anthropic, section 9).
#include <string>

#include "dialects/anthropic/anthropic.hpp"

namespace llm::anthropic {

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
        repeats_ = false;
        if (ended_ || event.data.empty()) return kOk;
        if (Status s = doc_.parse_next(event.data, json::Mode::liberal, options_.json); !s.ok()) return s;
        const Value& root = doc_.root();
        const Value* type = root.find("type");
        if (!type) return fail(Errc::protocol, "event without type");

        if (type->is("content_block_delta")) return on_delta(root, sink);
        if (type->is("content_block_start")) return on_block_start(root, sink);
        if (type->is("content_block_stop")) return on_block_stop(sink);
        if (type->is("message_start")) return on_message_start(root, sink);
        if (type->is("message_delta")) return on_message_delta(root, sink);
        if (type->is("message_stop")) return finish(sink);
        if (type->is("error")) return on_error(root, sink);
        if (type->is("ping")) return sink.put({.kind = DeltaKind::ping});
        return kOk;  // what is yet to come
    }

    Status end(DeltaSink& sink) override
    {
        if (ended_) return kOk;
        if (stopped_) return finish(sink);
        return fail(Errc::truncated, "stream ended without message_stop");
    }

    // The start of a block may hold text as well, but ends the block before.
    bool repeats_text() const noexcept override { return repeats_; }

private:
    enum class Block { none, text, json_text, thinking, tool };

    Status on_message_start(const Value& root, DeltaSink& sink)
    {
        const Value* message = root.get("message");
        // Proxies have been seen to repeat it in mid-stream.
        if (!message || started_) return kOk;
        started_ = true;
        Delta start{
            .kind = DeltaKind::start, .id = text_of(message->find("id")), .model = text_of(message->find("model"))};
        if (Status s = sink.put(start); !s.ok()) return s;
        if (Status s = sink.put({.kind = DeltaKind::role}); !s.ok()) return s;
        return on_usage(message->get("usage"), sink);
    }

    Status on_block_start(const Value& root, DeltaSink& sink)
    {
        // Blocks never overlap: another one ends one whose stop was not sent.
        if (Status s = on_block_stop(sink); !s.ok()) return s;
        const Value* block = root.get("content_block");
        const Value* type = block ? block->find("type") : nullptr;
        if (!type) return fail(Errc::protocol, "content block without type");

        if (type->is("text")) {
            block_ = Block::text;
            return sink.put({.kind = DeltaKind::text, .text = text_of(block->find("text"))});
        }
        if (type->is("tool_use")) return start_call(*block, sink);
        if (type->is("thinking")) {
            block_ = Block::thinking;
            // Compatible servers give the whole block here, with its signature.
            signature_ = text_of(block->find("signature")).bytes;
            return sink.put(
                {.kind = DeltaKind::reasoning, .index = thoughts_, .text = text_of(block->find("thinking"))});
        }
        if (type->is("redacted_thinking")) {
            return sink.put({.kind = DeltaKind::redacted, .index = thoughts_++, .text = text_of(block->find("data"))});
        }
        return kOk;
    }

    Status start_call(const Value& block, DeltaSink& sink)
    {
        const Value* name = block.find("name");
        args_ = 0;
        whole_input_.clear();
        // Compatible servers give the whole input here and no pieces after it.
        if (const Value* input = block.find("input"); input && input->size() > 0) {
            if (input->raw().size() > options_.max_tool_arguments) return too_large();
            whole_input_ = input->raw();
        }
        if (is_json_tool(name, options_.hints)) {
            block_ = Block::json_text;
            return kOk;
        }
        block_ = Block::tool;
        Delta start{
            .kind = DeltaKind::tool_start, .index = calls_, .text = text_of(name), .id = text_of(block.find("id"))};
        if (start.text.empty() || start.id.empty()) return fail(Errc::protocol, "tool call without name or id");
        return sink.put(start);
    }

    Status on_delta(const Value& root, DeltaSink& sink)
    {
        const Value* delta = root.get("delta");
        const Value* type = delta ? delta->find("type") : nullptr;
        if (!type) return fail(Errc::protocol, "delta without type");

        repeats_ = type->is("text_delta") || type->is("thinking_delta");
        if (type->is("text_delta")) {
            return sink.put({.kind = DeltaKind::text, .text = text_of(delta->find("text"))});
        }
        if (type->is("input_json_delta")) return on_input(text_of(delta->find("partial_json")), sink);
        if (type->is("thinking_delta")) {
            return sink.put(
                {.kind = DeltaKind::reasoning, .index = thoughts_, .text = text_of(delta->find("thinking"))});
        }
        if (type->is("signature_delta")) {
            signature_.clear();
            return sink.put(
                {.kind = DeltaKind::signature, .index = thoughts_, .text = text_of(delta->find("signature"))});
        }
        return kOk;
    }

    Status on_input(Text piece, DeltaSink& sink)
    {
        if (piece.empty() || (block_ != Block::tool && block_ != Block::json_text)) return kOk;
        args_ += piece.bytes.size();
        if (args_ > options_.max_tool_arguments) return too_large();
        if (block_ == Block::json_text) return sink.put({.kind = DeltaKind::text, .text = piece});
        return sink.put({.kind = DeltaKind::tool_args, .index = calls_, .text = piece});
    }

    static Status too_large() noexcept { return fail(Errc::too_large, "tool arguments too large"); }

    Status on_block_stop(DeltaSink& sink)
    {
        Block block = block_;
        block_ = Block::none;
        if (block == Block::thinking) return end_thinking(sink);
        if (block != Block::tool && block != Block::json_text) return kOk;

        // A call without arguments comes without pieces.
        std::string_view whole = whole_input_.empty() ? std::string_view("{}") : std::string_view(whole_input_);
        uint32_t index = calls_;
        if (block == Block::tool) calls_++;
        if (args_ > 0) return kOk;
        if (block == Block::json_text) return sink.put({.kind = DeltaKind::text, .text = {whole, false}});
        return sink.put({.kind = DeltaKind::tool_args, .json_args = true, .index = index, .text = {whole, false}});
    }

    Status end_thinking(DeltaSink& sink)
    {
        uint32_t index = thoughts_++;
        if (signature_.empty()) return kOk;
        return sink.put({.kind = DeltaKind::signature, .index = index, .text = {signature_}});
    }

    Status on_message_delta(const Value& root, DeltaSink& sink)
    {
        if (Status s = on_block_stop(sink); !s.ok()) return s;
        if (const Value* delta = root.get("delta")) {
            const Value* reason = delta->get("stop_reason");
            if (reason) reason_ = finish_reason(*reason, calls_ > 0);
            // It may come again with later counts; what it says is said once.
            const Value* details = stopped_ ? nullptr : delta->get("stop_details");
            stopped_ = stopped_ || reason;
            if (details) {
                Delta refusal{.kind = DeltaKind::refusal, .text = text_of(details->get("explanation"))};
                if (Status s = sink.put(refusal); !s.ok()) return s;
            }
        }
        return on_usage(root.get("usage"), sink);
    }

    Status on_error(const Value& root, DeltaSink& sink)
    {
        ApiError error = decode_error(0, root);
        ended_ = true;
        return sink.put({.kind = DeltaKind::error, .error = &error});
    }

    Status on_usage(const Value* counts, DeltaSink& sink)
    {
        if (!counts) return kOk;
        counts_.update(*counts);
        Usage usage = counts_.usage();
        return sink.put({.kind = DeltaKind::usage, .usage = &usage});
    }

    Status finish(DeltaSink& sink)
    {
        if (!started_) return fail(Errc::protocol, "message_stop before message_start");
        // Nobody knows whether what came is all of it (wire format: errors, section 7).
        if (!stopped_) return fail(Errc::truncated, "message_stop without stop reason");
        ended_ = true;
        if (Status s = sink.put({.kind = DeltaKind::finish, .finish = reason_}); !s.ok()) return s;
        return sink.put({.kind = DeltaKind::end});
    }

    dialects::DecodeOptions options_;
    json::Document doc_;
    Counts counts_;
    Block block_ = Block::none;
    FinishReason reason_ = FinishReason::none;
    bool started_ = false;
    bool stopped_ = false;  // a stop reason was given
    bool ended_ = false;
    bool repeats_ = false;  // the last event was a delta of text
    uint32_t calls_ = 0;    // calls begun and ended
    uint32_t thoughts_ = 0;
    size_t args_ = 0;  // bytes of arguments of the open call
    std::string whole_input_;
    std::string signature_;  // given when the open thinking block began
};

}  // namespace

std::unique_ptr<dialects::StreamDecoder> make_stream(const dialects::DecodeOptions& options)
{
    return std::make_unique<Decoder>(options);
}

}  // namespace llm::anthropic
