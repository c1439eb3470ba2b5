#pragma once

#include <string>
#include <string_view>

#include "base/rope.hpp"
#include "chat/delta.hpp"
#include "chat/pricer.hpp"
#include "chat/request.hpp"
#include "client/format.hpp"
#include "dialects/dialect.hpp"
#include "relay/validator.hpp"
#include "wire/event_reader.hpp"

// One attempt's answer on its way from a provider's bytes to the client's:
// framing, dialect and client format put together. Pure: no I/O, no clock.
namespace llm::relay {

// What has become of a request so far, as JSON.
struct Tracer {
    virtual std::string trace() const = 0;

protected:
    ~Tracer() = default;
};

struct Options {
    const dialects::Dialect* dialect = nullptr;
    chat::ClientFormat format = chat::ClientFormat::chat_completions;
    client::AnswerOptions answer;
    dialects::DecodeOptions decode;
    wire::Framing framing = wire::Framing::sse;
    size_t max_event = 1U << 20;
    // Tells the client of a stream what it costs, with its usage; null: nothing is
    // told. Must outlive the stream.
    const chat::Pricer* pricer = nullptr;
    // Tells it just before the end, as `llm_trace`; null: nothing is told. Must
    // outlive the stream.
    const Tracer* tracer = nullptr;

    bool validate = false;  // look for flaws in what can be read
    bool wants_json = false;

    // Both sides speak one format: bytes pass through, only observed.
    bool same_format() const noexcept { return dialect->same_as == format; }
    // ... but for what the vendor has to be put right in.
    bool mends() const noexcept { return same_format() && decode.quirks->answer.any(); }
};

// What was seen of an answer.
struct Seen {
    bool content = false;   // something that binds the gateway to this target
    bool complete = false;  // the provider said that all was sent
    bool finished = false;  // a finish reason came
    bool refused = false;   // the model would not, or was not let
    chat::FinishReason finish = chat::FinishReason::none;
    chat::Usage usage;
    chat::ApiError error;    // set: the provider gave up
    Flaw flaw = Flaw::none;  // of an answer that is complete, see Options::validate
    std::string place;       // of the flaw

    void note(const chat::Delta& delta);
    void judge(Validator& validator);
};

// Turns a whole answer into the client's body. `body` must stay alive as long
// as `out` is read. False: `seen.error` says why it is no answer.
bool relay_answer(std::string_view body, const Options& options, Rope& out, Seen& seen);

// The error that bytes a dialect cannot read amount to.
chat::ApiError error_of(Status status);

}  // namespace llm::relay
