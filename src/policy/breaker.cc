#include "policy/breaker.hpp"

#include <algorithm>

namespace llm::policy {

using Phase = BreakerState::Phase;

bool Breaker::refuses(bool owner_lives, int64_t now_ms) const noexcept
{
    if (!rules_.on || s_.phase == Phase::closed) return false;
    return s_.phase == Phase::open ? now_ms < s_.until_ms : owner_lives;
}

Breaker::Pass Breaker::admit(const Owner& self, bool owner_lives, int64_t now_ms) noexcept
{
    if (refuses(owner_lives, now_ms)) return Pass::refused;
    if (!rules_.on || s_.phase == Phase::closed) return Pass::free;
    s_.phase = Phase::half_open;
    s_.probe = self;
    return Pass::probe;
}

void Breaker::note(bool failed, int64_t now_ms) noexcept
{
    s_.window.roll(now_ms, rules_.window_ms);
    s_.window.total[0]++;
    if (!failed) {
        s_.run = 0;
        return;
    }
    s_.window.hits[0]++;
    if (s_.run == BreakerRules::kMaxFailures) {
        std::copy(s_.at + 1, s_.at + s_.run, s_.at);
        s_.run--;
    }
    s_.at[s_.run++] = now_ms;
}

bool Breaker::too_many(int64_t now_ms) const noexcept
{
    bool by_number = rules_.failures > 0 && s_.run >= rules_.failures &&
                     now_ms - s_.at[s_.run - rules_.failures] <= rules_.window_ms;
    uint64_t total = s_.window.all();
    bool by_share = rules_.percent > 0 && total >= rules_.requests && s_.window.hit() * 100 >= rules_.percent * total;
    return by_number || by_share;
}

void Breaker::open(int64_t now_ms) noexcept
{
    bool was_well = s_.phase == Phase::closed && now_ms - s_.closed_ms > rules_.window_ms;
    if (was_well) s_.repeats = 0;
    int64_t cooldown = std::min(rules_.cooldown_ms, rules_.max_cooldown_ms);
    for (uint16_t i = 0; i < s_.repeats && cooldown < rules_.max_cooldown_ms; i++) cooldown *= 2;
    if (s_.repeats < UINT16_MAX) s_.repeats++;
    s_.opened_ms = now_ms;
    s_.until_ms = now_ms + std::min(cooldown, rules_.max_cooldown_ms);
    s_.phase = Phase::open;
    s_.run = 0;
    s_.window = {};
    s_.probe = {};
}

bool Breaker::succeed(int64_t began_ms, int64_t now_ms) noexcept
{
    if (!rules_.on || began_ms < s_.opened_ms) return false;
    if (s_.phase == Phase::closed) {
        note(false, now_ms);
        return false;
    }
    s_.phase = Phase::closed;
    s_.closed_ms = now_ms;
    s_.run = 0;
    s_.window = {};
    s_.probe = {};
    return true;
}

bool Breaker::fail(Pass pass, int64_t began_ms, int64_t now_ms) noexcept
{
    if (!rules_.on || began_ms < s_.opened_ms) return false;
    if (s_.phase == Phase::closed) {
        note(true, now_ms);
        if (!too_many(now_ms)) return false;
        open(now_ms);
        return true;
    }
    if (s_.phase != Phase::half_open || pass != Pass::probe) return false;
    open(now_ms);
    return true;
}

void Breaker::release(Pass pass, const Owner& self) noexcept
{
    if (pass != Pass::probe || s_.phase != Phase::half_open || s_.probe != self) return;
    // The next one that comes is the probe.
    s_.phase = Phase::open;
    s_.probe = {};
}

}  // namespace llm::policy
