#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/rope.hpp"
#include "base/status.hpp"
#include "chat/delta.hpp"
#include "chat/dropped.hpp"
#include "chat/embeddings.hpp"
#include "chat/error.hpp"
#include "chat/request.hpp"
#include "chat/rerank.hpp"
#include "dialects/quirks.hpp"
#include "wire/event.hpp"

// A dialect is how a provider writes bodies: requests, whole answers, streams
// and errors. It is pure: no I/O, no clock, no knowledge of who serves it.
namespace llm::dialects {

struct EncodeOptions {
    std::string_view model;           // the provider's name for the model
    bool reject_unsupported = false;  // refuse what would be dropped
    const Quirks* quirks = &kNoQuirks;
    // A member that the provider has refused in this request: it is dropped.
    std::string_view without = {};
    // What the operator says of harmful contents: "CATEGORY=THRESHOLD ...".
    std::string_view safety = {};
};

// Told by encode() and needed to read the answer.
struct DecodeHints {
    // The forced tool that stands for `response_format`: its arguments are the
    // answer's text. Empty when there is none.
    std::string json_tool;
    // The model's name, of dialects whose answers do not tell it.
    std::string model;
};

struct EncodedRequest {
    Rope body;  // may refer to the client's body
    // Below the base, in the place of the endpoint's own path; static text.
    std::string_view path = {};
    chat::Dropped dropped;
    DecodeHints hints;
};

struct DecodeOptions {
    DecodeHints hints;
    std::string id;  // of the request: calls' ids are made of it where the provider gives none
    size_t max_tool_arguments = 1U << 20;
    json::Limits json;
    const Quirks* quirks = &kNoQuirks;
    // Set where both sides speak one format and the vendor has quirks: takes what
    // must change in the text being read, which is the splice's.
    Mends* mends = nullptr;
};

// Reads one provider stream. Never sees how the network cut it.
class StreamDecoder {
public:
    virtual ~StreamDecoder() = default;

    // One event. A failure the provider reports is put as an `error` delta; a
    // bad Status means that the bytes are not what this dialect allows.
    virtual Status event(const wire::WireEvent& event, chat::DeltaSink& sink) = 0;

    // The peer closed. Puts `end` when the answer is complete though its
    // terminator is missing; Errc::truncated when it is not.
    virtual Status end(chat::DeltaSink& sink) = 0;

    // Of an event whose only content was a piece of text: whether any number of
    // events that differ from it in that text alone would give the same delta with
    // theirs, and leave the decoder as it is. They may then be kept from it.
    virtual bool repeats_text() const noexcept { return false; }
};

struct Dialect {
    std::string_view name;

    // The client format whose bodies are the same: answers then pass through
    // as they came, with splices.
    std::optional<chat::ClientFormat> same_as;

    // Writes the provider's request. On false `error` says what this target
    // cannot carry; the request is never changed, so the next target may be tried.
    bool (*encode)(const chat::Request& request, const EncodeOptions& options, EncodedRequest& out,
                   chat::ApiError& error);

    // Reads a whole answer (HTTP 200, not streamed).
    Status (*decode)(std::string_view body, const DecodeOptions& options, chat::DeltaSink& sink);

    // Reads an error body.
    chat::ApiError (*decode_error)(int http_status, std::string_view body);

    std::unique_ptr<StreamDecoder> (*stream)(const DecodeOptions& options);
};

// How embeddings are asked for. A request of more inputs than a call takes is
// sent in parts.
struct Embeddings {
    bool same_format;  // answers are what clients read
    // Inputs a call takes at most.
    size_t (*batch)(std::string_view model);

    // As Dialect::encode. `part` is within `request.inputs`.
    bool (*encode)(const chat::EmbeddingsRequest& request, chat::Part part, const EncodeOptions& options,
                   EncodedRequest& out, chat::ApiError& error);

    // Reads the answer to `part`.
    Status (*decode)(std::string_view body, const json::Limits& limits, chat::EmbeddingsSink& sink);
};

// How documents are put in order.
struct Rerank {
    bool same_format;
    bool (*encode)(const chat::RerankRequest& request, const EncodeOptions& options, EncodedRequest& out,
                   chat::ApiError& error);
    Status (*decode)(std::string_view body, const json::Limits& limits, chat::RerankSink& sink);
};

}  // namespace llm::dialects
