#pragma once

#include <cstddef>
#include <span>

#include "base/status.hpp"
#include "chat/body.hpp"
#include "chat/usage.hpp"

namespace llm::chat {

// A request for embeddings.
struct EmbeddingsRequest : RequestBody {
    const Value* input = nullptr;          // as the client wrote it
    std::span<const Value* const> inputs;  // one each: a string, or an array of tokens
    bool tokens = false;                   // they are arrays of tokens
    bool base64 = false;                   // encoding_format
    const Value* encoding_format = nullptr;
    const Value* dimensions = nullptr;
    const Value* user = nullptr;
    const Value* input_type = nullptr;  // extension: search_document, search_query, ...
};

// Some of a request's inputs: what one call to a provider carries.
struct Part {
    size_t first = 0;
    size_t count = 0;
};

// Takes what one call's answer holds. Views live until the call returns.
struct EmbeddingsSink {
    // Of input `index` of the call: an array of numbers, or a string in base64
    // (little-endian IEEE 754 single precision).
    virtual Status put(size_t index, const Value& embedding) = 0;
    virtual void model(const Value& name) = 0;
    virtual void usage(const Usage& usage) = 0;

protected:
    ~EmbeddingsSink() = default;
};

}  // namespace llm::chat
