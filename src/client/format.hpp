#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/rope.hpp"
#include "chat/delta.hpp"
#include "chat/error.hpp"
#include "chat/request.hpp"
#include "client/answer.hpp"

// A client format is how clients write requests and read answers: one row and
// one folder each. Like the dialects they know neither sockets nor clocks.
namespace llm::client {

struct RequestLimits {
    json::Limits json;
    size_t tools = 512;
};

// Writes a streamed answer's deltas as events. One per answer.
class StreamWriter {
public:
    virtual ~StreamWriter() = default;

    // Appends the events this delta makes, none or several, to `out`.
    virtual void put(const chat::Delta& delta, Rope& out) = 0;

    // Appends what tells of a failure in mid-stream. Nothing may follow it.
    virtual void fail(const chat::ApiError& error, Rope& out) = 0;

    // Appends an event with nothing but a member of the gateway's own, where the
    // format has room for such.
    virtual void annotate(std::string_view /*name*/, std::string_view /*json*/, Rope& /*out*/) {}
};

// Collects an answer's deltas into one body. One per answer.
class AnswerWriter : public chat::DeltaSink {
public:
    virtual ~AnswerWriter() = default;

    // The whole body. Call once, after the last delta.
    virtual void write(Rope& out) = 0;
};

struct Format {
    std::string_view id_prefix;  // of ids that are made here
    std::string_view ping;       // keeps what stands between from taking a silent stream for a dead one
    // What ends a stream that passes through, in the place of the provider's own
    // last event or of the one it forgot. Empty: its last event says more.
    std::string_view terminator;
    bool named_events;  // events have an `event:` line

    // Reads a request's body. Types, required members and caps are checked here,
    // values are the provider's business. On success `out` holds views of `body`,
    // which must outlive it. On failure `error` names the place (`param`) and
    // nothing may be forwarded.
    bool (*read)(std::string_view body, const RequestLimits& limits, chat::Request& out, chat::ApiError& error);

    // Members of the request that this format's answers repeat (AnswerOptions);
    // null: none.
    std::string (*echo)(const chat::Request& request);

    std::unique_ptr<StreamWriter> (*stream)(const AnswerOptions& options);
    std::unique_ptr<AnswerWriter> (*answer)(const AnswerOptions& options);

    // A whole error body.
    std::string (*error_body)(const chat::ApiError& error);
};

const Format& format(chat::ClientFormat which) noexcept;

// An event with its blank line; line ends inside `data` become further data
// lines. An empty name is left out.
void append_event(Rope& out, std::string_view name, std::string_view data);

}  // namespace llm::client
