#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "chat/body.hpp"
#include "client/format.hpp"
#include "providers/provider.hpp"
#include "relay/relay.hpp"
#include "relay/stream.hpp"

// What a client asks for, from its body to its answer, with no knowledge of
// sockets: a Task is read once and tried at any number of targets, each a Call.
namespace llm::relay {

enum class Operation : uint8_t { chat_completions, embeddings, rerank };

// What the configuration and the clock say of answers.
struct Settings {
    int64_t created = 0;  // seconds since the epoch
    std::string id;       // of the request: ids are made of it where the provider gives none
    std::string model;    // written instead of the provider's when not empty
    json::Limits json;
    size_t max_event = 1U << 20;
    size_t max_tool_arguments = 1U << 20;
};

// One try at one provider. It may take several exchanges, one a part, in any
// order; all of them must succeed.
class Call {
public:
    virtual ~Call() = default;

    virtual size_t parts() const noexcept { return 1; }

    // Writes what is sent for a part. On false `error` says what this target
    // cannot carry.
    virtual bool encode(size_t part, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
                        chat::ApiError& error) = 0;

    // Below the base, with names to be filled in (providers::fill_path).
    virtual std::string_view path() const noexcept = 0;

    // Begins to read a streamed answer; null where there are none.
    virtual std::unique_ptr<Stream> stream() { return nullptr; }

    // Takes the whole answer to a part. With the last one `out` gets the client's
    // body, which may refer to `body`. False: `seen.error` says why it is none.
    virtual bool take(size_t part, std::string_view body, Rope& out, Seen& seen) = 0;

    virtual chat::ApiError decode_error(int http_status, std::string_view body) = 0;
};

class Task {
public:
    virtual ~Task() = default;

    // Reads the client's body, which must outlive the task.
    virtual bool read(std::string_view body, const client::RequestLimits& limits, chat::ApiError& error) = 0;

    virtual const chat::RequestBody& request() const noexcept = 0;
    virtual bool stream() const noexcept { return false; }

    // A try at `provider` under its name for the model; null where it has no such
    // endpoint. The task must outlive its encode() and take(), not its streams.
    virtual std::unique_ptr<Call> call(const providers::Provider& provider, std::string_view model,
                                       const Settings& settings) const = 0;
};

std::unique_ptr<Task> make_task(Operation operation);

// In whose words errors are told.
const client::Format& format_of(Operation operation) noexcept;

}  // namespace llm::relay
