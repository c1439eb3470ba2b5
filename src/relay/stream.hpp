#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/rope.hpp"
#include "chat/delta.hpp"
#include "relay/relay.hpp"
#include "relay/text_event.hpp"

namespace llm::relay {

// A streamed answer. Feed it the provider's bytes as they come; the client's
// bytes do not depend on how they were cut.
class Stream final : private chat::DeltaSink {
public:
    explicit Stream(const Options& options);
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // Appends what the client is to get for these bytes: whole events, also when
    // it throws. After that, on a bad Status, and when seen().error is set, nothing
    // more may be fed.
    Status feed(std::string_view bytes, Rope& out);

    // The provider closed the stream.
    Status end(Rope& out);

    // Appends what tells a client which has already got content of a
    // failure. Nothing may follow it.
    void fail(const chat::ApiError& error, Rope& out);

    const Seen& seen() const noexcept { return seen_; }

private:
    Status put(const chat::Delta& delta) override;
    void put_usage(const chat::Delta& delta);
    template <class Work>
    Status whole(Rope& out, Work work);
    Status on_event(wire::WireEvent event, Rope& out);
    Status repeat(const wire::WireEvent& event, const chat::Delta& delta, Rope& out);
    void learn(const wire::WireEvent& event);
    void tell_trace(Rope& out);
    void terminate(Rope& out);
    void pass_through(const wire::WireEvent& event, Rope& out);
    dialects::DecodeOptions decode_options();

    Options options_;
    const client::Format& format_;
    std::unique_ptr<wire::EventReader> reader_;
    std::unique_ptr<dialects::StreamDecoder> decoder_;
    std::unique_ptr<client::StreamWriter> writer_;
    Validator validator_;
    Seen seen_;
    Rope* out_ = nullptr;  // during feed() and end()
    std::string mended_;

    // Of the event being read, for passing it through.
    bool usage_only_ = false;  // nothing but usage for those who asked
    bool other_ = false;
    std::string_view model_;
    std::string_view usage_;  // gets a member `cost`
    std::optional<chat::Money> cost_;
    unsigned contents_ = 0;  // deltas that say more than who answers
    chat::Delta content_{};  // the last of them

    TextEvent text_event_;
    dialects::Mends mends_;
};

}  // namespace llm::relay
