#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "chat/error.hpp"
#include "policy/retry.hpp"

namespace llm::policy {

// What to do next for one request.
struct Step {
    enum class Kind : uint8_t { launch, give_up };
    Kind kind = Kind::give_up;
    size_t target = 0;    // launch: index into the request's targets
    int64_t wait_ms = 0;  // before it
    bool retry = false;   // the same target, because it failed
    bool bypass = false;  // whatever is known of its health: there is no other
};

// What is known of a failed attempt besides its error.
struct Circumstances {
    int64_t took_ms = 0;
    uint32_t chance = 0;           // a random number
    bool credential_left = false;  // another one of the provider's is ready
    bool may_retry = true;         // neither the provider, its breaker nor the budget is against it
};

struct PlanRules {
    // So many of one request's attempts.
    static constexpr unsigned kMaxAttempts = 8;

    unsigned max_attempts = kMaxAttempts;
    RetryRules retry;
};

// Decides which target is tried next. Holds no clock and starts nothing. No
// target comes twice but by its retries, so every request ends.
class Plan {
public:
    // A reused connection may turn out dead this often before it counts.
    static constexpr unsigned kStaleTries = 2;

    Plan() = default;
    // For each target the reasons it is there for.
    Plan(std::vector<uint8_t> reasons, const PlanRules& rules);

    Step first() noexcept;

    // The running attempt failed before its first content token.
    Step after_failure(const chat::ApiError& error, const Circumstances& how = {});

    // It died on a reused connection without a byte of an answer: the same
    // target again, counted neither as an attempt nor as a failure.
    Step after_stale(const chat::ApiError& error, const Circumstances& how = {});

    // The target could not carry the request: nothing was sent.
    Step after_refusal(const chat::ApiError& error);

    // The target is not to be asked now: nothing was sent. When this is so of all
    // of them, they are asked nevertheless.
    Step after_skip() noexcept;

    // A second attempt beside the running one: at the next target, or at the same
    // when it is the only one.
    Step hedge() noexcept;
    // It could not be sent.
    void take_back() noexcept;
    // One of two running attempts failed: the other one goes on.
    void after_loss(const chat::ApiError& error) { remember(error); }

    // Whether a failure now would be followed by another target.
    bool has_more() const noexcept { return attempts_ < rules_.max_attempts && find_next(kAnyError) < turns_.size(); }

    unsigned attempts() const noexcept { return attempts_; }

    // Of all failures the one that tells the client most.
    const chat::ApiError& error() const noexcept { return error_; }
    // Whether that was the last one.
    bool last_tells_most() const noexcept { return last_tells_most_; }

private:
    enum class Turn : uint8_t { ahead, skipped, had };

    size_t find_next(uint8_t wanted) const noexcept;
    Step launch_next() noexcept;
    Step launch_again() noexcept;
    bool try_again(const chat::ApiError& error, const Circumstances& how, Step& step) noexcept;
    void remember(const chat::ApiError& error);

    std::vector<uint8_t> reasons_;
    std::vector<Turn> turns_;
    PlanRules rules_;
    uint8_t wanted_ = kAnyError;  // the reasons that the next target must be there for
    size_t current_ = 0;
    size_t former_ = 0;  // before the last hedge
    unsigned attempts_ = 0;
    unsigned stale_ = 0;
    unsigned retries_ = 0;  // of the current target
    int64_t waited_ms_ = 0;
    bool bypass_ = false;
    chat::ApiError error_;
    bool last_tells_most_ = false;
};

}  // namespace llm::policy
