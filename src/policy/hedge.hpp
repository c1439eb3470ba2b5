#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "policy/window.hpp"

// A second attempt beside one that is slow. Times in milliseconds.
namespace llm::policy {

struct HedgeRules {
    enum class When : uint8_t { never, after, p95, race };

    static constexpr int64_t kWindow = 60000;

    When when = When::never;
    int64_t delay_ms = 0;   // after
    unsigned percent = 10;  // of requests that may have a second attempt
};

// How long answers take, in classes a quarter apart. The past counts less the
// longer ago it is. Plain data; all zero is empty.
class Latencies {
public:
    static constexpr size_t kClasses = 64;  // up to 20 minutes
    static constexpr uint32_t kMany = 1000;
    static constexpr uint32_t kFew = 20;  // are no distribution

    void note(int64_t ms) noexcept;

    // That which `percent` of the answers do not exceed, -1 while there are too few.
    int64_t percentile(unsigned percent) const noexcept;

private:
    std::array<uint16_t, kClasses> count_ = {};
    uint32_t total_ = 0;
};

struct HedgeState {
    Latencies first_token;  // of streams
    Latencies whole;        // of what is not streamed
    Window sent;            // hits: those with a second attempt
};

// When the second attempt begins, -1: not at all.
int64_t hedge_delay(const HedgeRules& rules, const HedgeState& state, bool stream) noexcept;

// Counts a request that could have a second attempt.
void note_request(HedgeState& state, int64_t now_ms) noexcept;

// Whether it may have it now; it is counted then.
bool take_hedge(const HedgeRules& rules, HedgeState& state, int64_t now_ms) noexcept;

}  // namespace llm::policy
