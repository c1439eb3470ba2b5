#pragma once

#include <cstdint>

namespace llm::chat {

// Tokens of one answer, in one algebra whatever the provider counts:
// `prompt` includes cache_read and cache_write, `completion` includes
// reasoning. Dialects convert; nobody else adds or subtracts.
struct Usage {
    bool known = false;  // the provider has said something
    int64_t prompt = 0;
    int64_t completion = 0;
    int64_t cache_read = 0;      // part of prompt
    int64_t cache_write = 0;     // part of prompt, all lifetimes
    int64_t cache_write_1h = 0;  // part of cache_write with the longer lifetime
    int64_t reasoning = 0;       // part of completion

    int64_t total() const noexcept { return prompt + completion; }
};

}  // namespace llm::chat
