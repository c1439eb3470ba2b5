#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.hpp"
#include "chat/body.hpp"
#include "chat/usage.hpp"

namespace llm::chat {

// A request to put documents in the order of their relevance to a query, as
// Cohere, Jina and the servers after them take it.
struct RerankRequest : RequestBody {
    const Value* query = nullptr;
    std::span<const Value* const> documents;  // strings, or objects
    const Value* top_n = nullptr;
    bool return_documents = false;
};

struct RerankSink {
    // The document's place in the request, and its score as a number's text.
    virtual Status put(size_t index, const Value& score) = 0;
    virtual void id(const Value& id) = 0;
    virtual void model(const Value& name) = 0;
    virtual void usage(const Usage& usage) = 0;

protected:
    ~RerankSink() = default;
};

}  // namespace llm::chat
