#include "policy/plan.hpp"

namespace llm::policy {

Step Plan::first() noexcept
{
    return launch_next();
}

Step Plan::launch_next() noexcept
{
    if (!has_more()) return {};
    stale_ = 0;
    attempts_++;
    return {Step::Kind::launch, next_++};
}

void Plan::remember(const chat::ApiError& error)
{
    last_tells_most_ = !error_.set() || traits(error.kind).telling > traits(error_.kind).telling;
    if (last_tells_most_) error_ = error;
}

Step Plan::after_failure(const chat::ApiError& error)
{
    remember(error);
    if (!traits(error.kind).try_next) return {};
    return launch_next();
}

Step Plan::after_stale(const chat::ApiError& error)
{
    if (stale_ >= kStaleTries) return after_failure(error);
    stale_++;
    last_tells_most_ = false;
    return {Step::Kind::launch, next_ - 1};
}

Step Plan::after_refusal(const chat::ApiError& error)
{
    attempts_--;
    return after_failure(error);
}

}  // namespace llm::policy
