#pragma once

#include <cstdint>
#include <optional>

#include "chat/money.hpp"

namespace llm::chat {

// What a provider says that it has billed a request as.
enum class ServiceTier : uint8_t { standard, flex, priority, batch };

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

    int64_t audio_prompt = 0;      // part of prompt
    int64_t audio_cache_read = 0;  // part of audio_prompt and of cache_read
    int64_t image_prompt = 0;      // part of prompt
    int64_t audio_completion = 0;  // part of completion, none of it reasoning
    int64_t image_completion = 0;  // the same

    // Beside all tokens.
    int64_t citations = 0;  // tokens of what was cited
    int64_t searches = 0;   // of the web, that the provider has made
    ServiceTier tier = ServiceTier::standard;

    // Of the whole request, where the client is to be told.
    std::optional<Money> cost = {};

    int64_t total() const noexcept { return prompt + completion; }

    // Makes every part fit its whole, so that no token is priced twice. False
    // when one did not: the provider's counts contradict the algebra.
    bool mend() noexcept;
};

}  // namespace llm::chat
