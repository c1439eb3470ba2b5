// Which target is asked next, and when.
#include "ngx/attempt.hpp"
#include "ngx/health.hpp"
#include "ngx/orchestrator.hpp"
#include "ngx/resolve.hpp"
#include "ngx/respond.hpp"

namespace llm::ngx {

using chat::ErrorClass;

void Orchestrator::run(policy::Step step)
{
    while (step.kind == policy::Step::Kind::launch) {
        if (step.wait_ms > 0) {
            backoff_.start(static_cast<ngx_msec_t>(step.wait_ms));
            waited_ += static_cast<ngx_msec_t>(std::exchange(step.wait_ms, 0));
            pending_ = step;
            return;
        }
        chat::ApiError refusal;
        switch (launch(step, refusal)) {
            case Launch::started:
                return arm_hedge();
            case Launch::waiting:
                pending_ = step;
                return;
            case Launch::skipped:
                step = plan_.after_skip();
                break;
            case Launch::refused:
                note_refusal(targets_[step.target], refusal);
                step = plan_.after_refusal(refusal);
                if (plan_.last_tells_most()) telling_ = nullptr;
                break;
            case Launch::failed:
                return fail(make_error(ErrorClass::internal, "The gateway is out of memory."));
        }
    }
    if (spare_) return answer(*spare_);
    fail(plan_.error());
}

Orchestrator::Launch Orchestrator::launch(const policy::Step& step, chat::ApiError& refusal)
{
    const Target& target = targets_[step.target];
    DynamicUpstream* dynamic = dynamic_upstream(main_, target.provider->upstream);
    if (dynamic && wait_for_address(*dynamic, address_waiter_)) return Launch::waiting;

    auto attempt = std::make_unique<Attempt>(*this, target);
    Asking asking = step.bypass ? Asking::bypass : step.retry ? Asking::retry : Asking::plain;
    if (!attempt->enter(asking)) {
        note(target, attempt->obstacle());
        return Launch::skipped;
    }
    if (step.bypass) {
        ngx_log_error(NGX_LOG_WARN, r_->connection->log, 0,
                      "llm: no target is well, upstream \"%V\" is asked nevertheless", &target.provider->name);
    }
    if (!attempt->encode(refusal)) return Launch::refused;
    attempts_.push_back(std::move(attempt));
    current_ = attempts_.back().get();
    return current_->launch() ? Launch::started : Launch::failed;
}

// The attempt has ended before any was the answer.
void Orchestrator::settle_end(Attempt& a)
{
    bool alone = is_alone(a);
    if (a.stale() && !hedged_) {
        current_ = &a;
        return try_next(plan_.after_stale(a.error(), circumstances(a)));
    }
    if (a.error().set() && !alone) {
        plan_.after_loss(a.error());
        if (plan_.last_tells_most()) telling_ = &a;
        return note(a);
    }
    current_ = &a;
    if (a.error().set()) {
        policy::Circumstances how = circumstances(a);
        // Which of the two it would be for is nobody's guess.
        if (hedged_) how.may_retry = how.credential_left = false;
        return try_next(plan_.after_failure(a.error(), how));
    }
    // Better than nothing, if nothing is what else there is.
    if (chat::ApiError why = objection(a); why.set()) {
        if (!a.empty() || !spare_) spare_ = &a;
        if (!alone) return note(a);
        policy::Step next = plan_.after_failure(why, {.may_retry = false});
        return next.kind == policy::Step::Kind::launch ? try_next(next) : answer(*spare_);
    }
    answer(a);
}

bool Orchestrator::is_alone(const Attempt& attempt) const noexcept
{
    for (const std::unique_ptr<Attempt>& a : attempts_) {
        if (a.get() != &attempt && !a->done()) return false;
    }
    return true;
}

// --- hedging -------------------------------------------------------------------

// After the first attempt has begun: when will a second one run beside it?
void Orchestrator::arm_hedge()
{
    if (hedged_from_ || !model_) return;
    hedged_from_ = &current_->target();
    int64_t delay = hedge_delay(main_, *hedged_from_, model_->hedge, stream_);
    if (delay > 0) return hedge_.start(static_cast<ngx_msec_t>(delay));
    if (delay == 0) on_hedge();
}

// If it cannot begin at once, for want of memory too, the first goes on alone.
void Orchestrator::launch_hedge(const policy::Step& step) noexcept
{
    Launch result = Launch::failed;
    guarded(r_->connection->log, [&] {
        chat::ApiError refusal;
        result = launch(step, refusal);
        return ngx_int_t{NGX_OK};
    });
    hedged_ = result == Launch::started;
    if (hedged_) return;
    if (result == Launch::waiting) stop_waiting(address_waiter_);
    attempts_.resize(1);
    current_ = attempts_[0].get();
    plan_.take_back();
}

void Orchestrator::on_hedge()
{
    bool one_runs = !finished_ && !committed_ && attempts_.size() == 1 && !attempts_[0]->done();
    if (!one_runs || !take_hedge(main_, *hedged_from_, model_->hedge)) return;
    policy::Step step = plan_.hedge();
    if (step.kind == policy::Step::Kind::launch) launch_hedge(step);
}

// At once: what they say from now on nobody reads.
void Orchestrator::end_others(const Attempt& winner) noexcept
{
    hedge_.stop();
    for (const std::unique_ptr<Attempt>& a : attempts_) {
        if (a.get() != &winner) a->lose();
    }
}

policy::Circumstances Orchestrator::circumstances(const Attempt& a)
{
    policy::Circumstances how;
    how.took_ms = static_cast<int64_t>(a.took());
    how.chance = static_cast<uint32_t>(ngx_random()) << 1;  // of 31 bits
    how.credential_left = a.standing().credential_left;
    how.may_retry = a.standing().may_retry && !a.reply().forbids_retry();
    return how;
}

// The current attempt has failed.
void Orchestrator::try_next(policy::Step step)
{
    if (plan_.last_tells_most()) telling_ = current_;
    note(*current_);
    run(step);
}

}  // namespace llm::ngx
