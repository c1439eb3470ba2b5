#pragma once

#include <cstddef>
#include <cstdint>

#include "chat/error.hpp"

namespace llm::policy {

// What to do next for one request.
struct Step {
    enum class Kind : uint8_t { launch, give_up };
    Kind kind = Kind::give_up;
    size_t target = 0;  // launch: index into the model's targets
};

// Decides which target is tried next. Holds no clock and starts nothing.
class Plan {
public:
    // A reused connection may turn out dead this often before it counts.
    static constexpr unsigned kStaleTries = 2;
    // So many of one request's attempts.
    static constexpr unsigned kMaxAttempts = 8;

    Plan(size_t targets, unsigned max_attempts) noexcept : targets_(targets), max_attempts_(max_attempts) {}

    Step first() noexcept;

    // The running attempt failed before its first content token.
    Step after_failure(const chat::ApiError& error);

    // It died on a reused connection without a byte of an answer: the same
    // target again, counted neither as an attempt nor as a failure.
    Step after_stale(const chat::ApiError& error);

    // The target could not carry the request: nothing was sent.
    Step after_refusal(const chat::ApiError& error);

    // Whether a failure now would be followed by another attempt.
    bool has_more() const noexcept { return next_ < targets_ && attempts_ < max_attempts_; }

    unsigned attempts() const noexcept { return attempts_; }

    // Of all failures the one that tells the client most.
    const chat::ApiError& error() const noexcept { return error_; }
    // Whether that was the last one.
    bool last_tells_most() const noexcept { return last_tells_most_; }

private:
    Step launch_next() noexcept;
    void remember(const chat::ApiError& error);

    size_t targets_;
    unsigned max_attempts_;
    size_t next_ = 0;
    unsigned attempts_ = 0;
    unsigned stale_ = 0;
    chat::ApiError error_;
    bool last_tells_most_ = false;
};

}  // namespace llm::policy
