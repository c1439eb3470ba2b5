#pragma once

#include <cstdint>

#include "policy/window.hpp"

namespace llm::policy {

// Whether a target is asked at all. Times in milliseconds.
struct BreakerRules {
    static constexpr unsigned kMaxFailures = 16;

    bool on = true;
    unsigned failures = 3;   // in a row within the window; 0: not by their number
    unsigned percent = 0;    // of the window's requests; 0: not by their share
    unsigned requests = 20;  // the least of which a share is taken
    int64_t window_ms = 60000;
    int64_t cooldown_ms = 30000;  // doubled each time it opens again
    int64_t max_cooldown_ms = 600000;
};

// A worker, so that what a dead one held can be told.
struct Owner {
    uint64_t generation = 0;
    uint32_t slot = 0;
    int32_t pid = 0;

    bool operator==(const Owner&) const noexcept = default;
};

// Plain data for the zone; all zero is a closed breaker.
struct BreakerState {
    enum class Phase : uint8_t { closed, open, half_open };

    Phase phase = Phase::closed;
    uint8_t run = 0;       // failures in a row, of which `at` has the times
    uint16_t repeats = 0;  // openings since it was last well for a window
    Owner probe;           // half_open: who asks
    int64_t at[BreakerRules::kMaxFailures] = {};
    Window window;
    int64_t opened_ms = 0;
    int64_t until_ms = 0;  // open: when a probe may go
    int64_t closed_ms = 0;
};

// Closed: all pass. Failures open it: none passes until the cooldown is over;
// then one does as a probe (half-open), and what becomes of it closes the
// breaker or opens it for longer.
class Breaker {
public:
    enum class Pass : uint8_t { refused, free, probe };

    Breaker(BreakerState& state, const BreakerRules& rules) noexcept : s_(state), rules_(rules) {}

    // Whether a request may go. `owner_lives`: asked only of a half-open one,
    // whether the worker with the probe is alive; a dead one's is taken over.
    Pass admit(const Owner& self, bool owner_lives, int64_t now_ms) noexcept;

    // Whether admit() would refuse.
    bool refuses(bool owner_lives, int64_t now_ms) const noexcept;

    // How a request ended that began at `began_ms`. What began before the
    // breaker opened tells nothing of the time since. True: it has closed,
    // or opened.
    bool succeed(int64_t began_ms, int64_t now_ms) noexcept;
    bool fail(Pass pass, int64_t began_ms, int64_t now_ms) noexcept;

    // It was given up without a verdict.
    void release(Pass pass, const Owner& self) noexcept;

private:
    void open(int64_t now_ms) noexcept;
    bool too_many(int64_t now_ms) const noexcept;
    void note(bool failed, int64_t now_ms) noexcept;

    BreakerState& s_;
    const BreakerRules& rules_;
};

}  // namespace llm::policy
