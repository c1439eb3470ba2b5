#pragma once

#include <cstdint>

namespace llm::policy {

// How many of the events of about the last `window` were hits: two halves, of
// which the older one is dropped as a whole. Plain data; all zero is empty.
struct Window {
    int64_t began_ms = 0;  // of the newer half
    uint32_t total[2] = {};
    uint32_t hits[2] = {};

    constexpr void roll(int64_t now_ms, int64_t window_ms) noexcept
    {
        int64_t half = window_ms / 2 > 0 ? window_ms / 2 : 1;
        int64_t age = now_ms - began_ms;
        if (age < half && age >= 0) return;
        bool keep = age >= 0 && age < 2 * half;
        total[1] = keep ? total[0] : 0;
        hits[1] = keep ? hits[0] : 0;
        total[0] = hits[0] = 0;
        began_ms = keep ? began_ms + half : now_ms;
    }

    constexpr uint64_t all() const noexcept { return uint64_t{total[0]} + total[1]; }
    constexpr uint64_t hit() const noexcept { return uint64_t{hits[0]} + hits[1]; }
};

}  // namespace llm::policy
