#pragma once

#include <string>
#include <string_view>

#include "chat/request.hpp"
#include "client/completions/completions.hpp"
#include "dialects/dialect.hpp"
#include "relay/relay.hpp"
#include "relay/stream.hpp"

// One request through the whole of the core, as the gateway does it but without
// sockets.
namespace llm::test {

struct Exchange {
    const dialects::Dialect* dialect = nullptr;
    const dialects::Quirks* quirks = &dialects::kNoQuirks;
    std::string target_model;  // empty: the name the client asked for
    bool reject_unsupported = false;
    bool rename_model = false;  // llm_model_name asked

    // After encode():
    std::string body;  // the client's request
    chat::Request request;
    chat::ApiError error;
    dialects::EncodedRequest encoded;
    std::string upstream;  // the provider's request

    bool encode(std::string client_body)
    {
        body = std::move(client_body);
        if (!completions::read_request(body, {}, request, error)) return false;
        dialects::EncodeOptions options;
        options.model = target_model.empty() ? request.model_name : std::string_view(target_model);
        options.reject_unsupported = reject_unsupported;
        options.quirks = quirks;
        if (!dialect->encode(request, options, encoded, error)) return false;
        upstream = encoded.body.str();
        return true;
    }

    relay::Options relay_options() const
    {
        relay::Options o;
        o.dialect = dialect;
        o.answer.created = 1700000000;
        o.answer.id = "chatcmpl-test";
        o.answer.include_usage = request.include_usage;
        if (rename_model) o.answer.model = std::string(request.model_name);
        o.decode.hints = encoded.hints;
        o.decode.quirks = quirks;
        return o;
    }
};

// Feeds a stream in pieces of `size` bytes (0: in one) and returns what the
// client gets; what ends it early is told the way the gateway tells it.
inline std::string stream_in_pieces(const relay::Options& options, std::string_view stream, size_t size,
                                    relay::Seen& seen)
{
    relay::Stream relay(options);
    Rope out = Rope::copying();
    Status status;
    if (size == 0) size = stream.size();
    while (!stream.empty() && status.ok() && !relay.seen().error.set()) {
        // A copy in memory of its own: views that outlive a read show up under ASan.
        std::string piece(stream.substr(0, size));
        stream.remove_prefix(piece.size());
        status = relay.feed(piece, out);
    }
    if (status.ok() && !relay.seen().error.set()) status = relay.end(out);
    if (relay.seen().error.set()) {
        relay.fail(relay.seen().error, out);
    } else if (!status.ok()) {
        relay.fail(relay::error_of(status), out);
    }
    seen = relay.seen();
    return out.str();
}

// A dialect whose decoder is shown every event, also those that could be known
// by their bytes.
class EveryEvent final : public dialects::StreamDecoder {
public:
    static dialects::Dialect of(const dialects::Dialect& dialect)
    {
        shown = &dialect;
        dialects::Dialect copy = dialect;
        copy.stream = [](const dialects::DecodeOptions& options) -> std::unique_ptr<dialects::StreamDecoder> {
            return std::make_unique<EveryEvent>(shown->stream(options));
        };
        return copy;
    }

    explicit EveryEvent(std::unique_ptr<dialects::StreamDecoder> decoder) : decoder_(std::move(decoder)) {}
    Status event(const wire::WireEvent& event, chat::DeltaSink& sink) override { return decoder_->event(event, sink); }
    Status end(chat::DeltaSink& sink) override { return decoder_->end(sink); }

private:
    static inline const dialects::Dialect* shown = nullptr;
    std::unique_ptr<dialects::StreamDecoder> decoder_;
};

}  // namespace llm::test
