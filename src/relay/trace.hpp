#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/rope.hpp"

namespace llm::relay {

// What has become of the targets of one request, in the order of the attempts:
// for clients that ask why an answer came from where it did.
class Trace {
public:
    struct Entry {
        std::string target;  // provider/model
        int status = 0;      // of the provider's answer; 0: there was none
        int64_t ms = -1;     // -1: it was not asked
        std::string reason;
    };

    void add(Entry entry) { entries_.push_back(std::move(entry)); }
    const std::vector<Entry>& entries() const noexcept { return entries_; }

    // "openai/gpt-4o 503 12ms overloaded, anthropic/claude 200 80ms served"
    std::string header() const;

    // [{"target":...,"status":...,"ms":...,"reason":...}], null for what there is not.
    std::string json() const;

private:
    std::vector<Entry> entries_;
};

}  // namespace llm::relay
