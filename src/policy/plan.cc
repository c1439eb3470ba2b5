#include "policy/plan.hpp"

#include <algorithm>

namespace llm::policy {

Plan::Plan(std::vector<uint8_t> reasons, const PlanRules& rules)
    : reasons_(std::move(reasons)), turns_(reasons_.size(), Turn::ahead), rules_(rules)
{
}

Step Plan::first() noexcept
{
    // The ordinary targets cannot carry the request: what is left is there for
    // that, or is better than nothing.
    for (uint8_t reasons : {uint8_t{kCapability | kContextWindow}, uint8_t{0xff}}) {
        if (find_next(wanted_) < turns_.size()) break;
        wanted_ = reasons;
    }
    return launch_next();
}

size_t Plan::find_next(uint8_t wanted) const noexcept
{
    size_t i = 0;
    while (i < turns_.size() && (turns_[i] != Turn::ahead || !(reasons_[i] & wanted))) i++;
    return i;
}

Step Plan::launch_next() noexcept
{
    if (attempts_ >= rules_.max_attempts) return {};
    size_t next = find_next(wanted_);
    bool all_skipped = next == turns_.size() && attempts_ == 0 && !bypass_;
    if (all_skipped) {
        bypass_ = true;
        std::replace(turns_.begin(), turns_.end(), Turn::skipped, Turn::ahead);
        next = find_next(wanted_);
    }
    if (next == turns_.size()) return {};
    turns_[next] = Turn::had;
    current_ = next;
    stale_ = 0;
    retries_ = 0;
    return launch_again();
}

Step Plan::launch_again() noexcept
{
    attempts_++;
    Step step;
    step.kind = Step::Kind::launch;
    step.target = current_;
    step.bypass = bypass_;
    return step;
}

void Plan::remember(const chat::ApiError& error)
{
    last_tells_most_ = !error_.set() || traits(error.kind).telling > traits(error_.kind).telling;
    if (last_tells_most_) error_ = error;
}

// The same target: with another credential at once, else after a wait.
bool Plan::try_again(const chat::ApiError& error, const Circumstances& how, Step& step) noexcept
{
    const Recovery& can = recovery(error.kind);
    if (attempts_ >= rules_.max_attempts) return false;
    if (can.rotate && how.credential_left) {
        step = launch_again();
        return true;
    }
    const RetryRules& rules = rules_.retry;
    bool may = can.same && how.may_retry && retries_ < rules.retries && how.took_ms <= rules.within_ms;
    if (!may) return false;
    int64_t wait = backoff(rules, retries_, error.retry_after_ms, how.chance);
    // Rather another target now than this one late.
    if (wait > rules.max_delay_ms && has_more()) return false;
    if (waited_ms_ + wait > rules.total_delay_ms) return false;
    waited_ms_ += wait;
    retries_++;
    step = launch_again();
    step.wait_ms = wait;
    step.retry = true;
    return true;
}

Step Plan::after_failure(const chat::ApiError& error, const Circumstances& how)
{
    remember(error);
    wanted_ = reasons_after(error.kind);
    Step step;
    return try_again(error, how, step) ? step : launch_next();
}

Step Plan::after_stale(const chat::ApiError& error, const Circumstances& how)
{
    if (stale_ >= kStaleTries) return after_failure(error, how);
    stale_++;
    last_tells_most_ = false;
    attempts_--;
    return launch_again();
}

Step Plan::after_refusal(const chat::ApiError& error)
{
    attempts_--;
    remember(error);
    wanted_ = reasons_after(error.kind);
    return launch_next();
}

Step Plan::after_skip() noexcept
{
    attempts_--;
    turns_[current_] = Turn::skipped;
    return launch_next();
}

Step Plan::hedge() noexcept
{
    if (attempts_ >= rules_.max_attempts) return {};
    former_ = current_;
    size_t next = find_next(kAnyError);
    if (next < turns_.size()) {
        turns_[next] = Turn::had;
        current_ = next;
    }
    return launch_again();
}

void Plan::take_back() noexcept
{
    attempts_--;
    if (current_ != former_) turns_[current_] = Turn::ahead;
    current_ = former_;
}

}  // namespace llm::policy
