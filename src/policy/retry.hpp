#pragma once

#include <cstdint>

#include "chat/error.hpp"
#include "policy/window.hpp"

// What a failure leads to. Clock and chance are arguments.
namespace llm::policy {

// Beside what ErrorTraits::try_next says of other targets.
struct Recovery {
    chat::ErrorClass kind;
    bool same;    // the same target may do better a moment later
    bool rotate;  // the same target may do better with another credential
    bool trips;   // the target is not well: counts for its breaker
};

const Recovery& recovery(chat::ErrorClass kind) noexcept;

// Why a target is turned to, as bits: `fallback ... on=`.
enum Reason : uint8_t {
    kAnyError = 1,
    kContextWindow = 2,
    kContentPolicy = 4,
    kCapability = 8,  // the one before cannot carry the request
};

// What an ordinary target is there for.
inline constexpr uint8_t kOrdinary = kAnyError | kCapability;

// Which targets may do better after such a failure; 0: none.
uint8_t reasons_after(chat::ErrorClass kind) noexcept;

// Further tries at one target. Times in milliseconds.
struct RetryRules {
    unsigned retries = 0;
    int64_t delay_ms = 500;  // before the first, doubled for each that follows
    int64_t max_delay_ms = 8000;
    int64_t total_delay_ms = 60000;  // of all waits of one request
    int64_t within_ms = 10000;       // only what failed as fast as this is tried again
};

// The wait before retry `n`, counted from 0: any time up to the doubled delay
// (full jitter), or what the provider told and up to a tenth more, so that
// those who were told the same do not come back together. `told_ms` -1: nothing.
int64_t backoff(const RetryRules& rules, unsigned n, int64_t told_ms, uint32_t chance) noexcept;

// Retries are at most a share of what is sent to a target, so that an outage is
// not made worse by them; `least` of them are always allowed.
struct BudgetRules {
    static constexpr int64_t kWindow = 10000;

    bool limited = true;
    unsigned percent = 20;
    unsigned least = 10;  // in kWindow
};

struct Budget {
    Window sent;  // hits: those that were retries

    void note(bool retry, int64_t now_ms) noexcept;
    bool allows(const BudgetRules& rules, int64_t now_ms) noexcept;
};

}  // namespace llm::policy
