#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.hpp"
#include "chat/error.hpp"
#include "chat/usage.hpp"

namespace llm::chat {

// A piece of text on its way from a provider to the client. `escaped` text is
// the inside of a JSON string as the provider wrote it and is forwarded as it
// is; other text is UTF-8 that still has to be escaped.
struct Text {
    std::string_view bytes;
    bool escaped = true;

    bool empty() const noexcept { return bytes.empty(); }
};

enum class FinishReason : uint8_t { none, stop, length, tool_calls, content_filter };

enum class DeltaKind : uint8_t {
    start,  // id and model of the answer; may come more than once
    role,   // the assistant begins to speak; carries no content
    text,
    refusal,
    reasoning,   // a piece of thinking text
    signature,   // ends the thinking block `index`
    redacted,    // a whole redacted thinking block `index`
    tool_start,  // call `index` begins: id and name
    tool_args,   // a piece of the arguments of call `index`
    image,       // a whole one: `text` its base64, `id` its media type
    logprobs,    // of the text before it: elements of OpenAI's `logprobs.content`, in JSON
    ping,        // nothing yet, but the provider is alive
    opaque,      // content no other delta can say; only same-format answers show it
    finish,
    usage,  // running totals: replace what came before
    error,  // the provider gave up; nothing but `end` follows
    end,    // the provider said that the answer is complete
};

// One step of an answer, in terms every client format can write. Streams and
// whole answers are both sequences of deltas. Views live until put() returns.
struct Delta {
    DeltaKind kind;
    bool json_args = false;  // tool_args: a whole JSON text, not string pieces
    uint32_t choice = 0;
    uint32_t index = 0;   // of a call among the choice's calls; of a thinking block
    Text text = {};       // text, refusal, reasoning, signature, redacted data, args; tool_start: name
    Text id = {};         // start: the answer's; tool_start: the call's
    Text model = {};      // start
    Text signature = {};  // tool_start: to be given back with the call
    FinishReason finish = FinishReason::none;
    const Usage* usage = nullptr;
    std::string_view usage_text = {};  // usage: the object in an event, if it may get a member `cost`
    const ApiError* error = nullptr;

    // Whether it shows the client something of the answer: the first such
    // delta binds the gateway to this target.
    bool is_content() const noexcept
    {
        switch (kind) {
            case DeltaKind::text:
            case DeltaKind::refusal:
            case DeltaKind::reasoning:
            case DeltaKind::redacted:
                return !text.empty();
            case DeltaKind::tool_start:
            case DeltaKind::image:
            case DeltaKind::opaque:
                return true;
            default:
                return false;
        }
    }
};

struct DeltaSink {
    virtual Status put(const Delta& delta) = 0;

protected:
    ~DeltaSink() = default;
};

}  // namespace llm::chat
