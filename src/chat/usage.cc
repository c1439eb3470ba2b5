#include "chat/usage.hpp"

#include <algorithm>

namespace llm::chat {

namespace {

// Brings `value` into 0..most.
bool fit(int64_t& value, int64_t most) noexcept
{
    int64_t fitting = std::clamp<int64_t>(value, 0, std::max<int64_t>(most, 0));
    bool fits = fitting == value;
    value = fitting;
    return fits;
}

// A whole that is smaller than its parts cannot hold them: they stand beside it.
bool hold(int64_t& whole, int64_t parts) noexcept
{
    if (parts <= whole) return true;
    whole += parts;
    return false;
}

}  // namespace

bool Usage::mend() noexcept
{
    // Far above any answer, far below what sums of them overflow at.
    constexpr int64_t kMost = INT32_MAX;
    bool good = true;
    for (int64_t* count : {&prompt, &completion, &cache_read, &cache_write, &reasoning, &citations, &searches}) {
        good &= fit(*count, kMost);
    }
    good &= fit(cache_write_1h, cache_write);
    good &= hold(prompt, cache_read + cache_write);
    good &= hold(completion, reasoning);

    good &= fit(audio_prompt, prompt);
    good &= fit(audio_cache_read, std::min(audio_prompt, cache_read));
    good &= fit(image_prompt, prompt - audio_prompt);
    // Media that were cached count as both: no contradiction, but it is not
    // always told which of them were. Audio comes first, as it has a price of its
    // own when it is cached.
    int64_t media = audio_prompt - audio_cache_read + image_prompt;
    int64_t twice = std::max<int64_t>(media + cache_read + cache_write - prompt, 0);
    int64_t audio = std::min({twice, audio_prompt - audio_cache_read, cache_read - audio_cache_read});
    audio_cache_read += audio;
    int64_t image = std::min(twice - audio, image_prompt);
    image_prompt -= image;
    audio_prompt -= twice - audio - image;

    good &= fit(audio_completion, completion - reasoning);
    good &= fit(image_completion, completion - reasoning - audio_completion);
    return good;
}

}  // namespace llm::chat
