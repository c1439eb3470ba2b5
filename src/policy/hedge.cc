#include "policy/hedge.hpp"

#include <algorithm>

namespace llm::policy {

namespace {

// Upper bounds of the classes: each a quarter above the one before.
constexpr std::array<int64_t, Latencies::kClasses> make_bounds() noexcept
{
    std::array<int64_t, Latencies::kClasses> out = {};
    int64_t bound = 1;
    for (int64_t& b : out) {
        b = bound;
        bound = std::max(bound + 1, bound * 5 / 4);
    }
    return out;
}
constexpr auto kBounds = make_bounds();
static_assert(kBounds.back() > 1'200'000);

}  // namespace

void Latencies::note(int64_t ms) noexcept
{
    if (total_ >= kMany) {
        total_ = 0;
        for (uint16_t& n : count_) total_ += n /= 2;
    }
    auto at = static_cast<size_t>(std::lower_bound(kBounds.begin(), kBounds.end() - 1, ms) - kBounds.begin());
    count_[at]++;
    total_++;
}

int64_t Latencies::percentile(unsigned percent) const noexcept
{
    if (total_ < kFew) return -1;
    uint64_t seen = 0;
    size_t at = 0;
    while (at + 1 < kClasses && (seen += count_[at]) * 100 < uint64_t{total_} * percent) at++;
    return kBounds[at];
}

int64_t hedge_delay(const HedgeRules& rules, const HedgeState& state, bool stream) noexcept
{
    switch (rules.when) {
        case HedgeRules::When::after:
            return rules.delay_ms;
        case HedgeRules::When::p95:
            return (stream ? state.first_token : state.whole).percentile(95);
        case HedgeRules::When::race:
            return 0;
        case HedgeRules::When::never:
            break;
    }
    return -1;
}

void note_request(HedgeState& state, int64_t now_ms) noexcept
{
    state.sent.roll(now_ms, HedgeRules::kWindow);
    state.sent.total[0]++;
}

bool take_hedge(const HedgeRules& rules, HedgeState& state, int64_t now_ms) noexcept
{
    state.sent.roll(now_ms, HedgeRules::kWindow);
    // One is always allowed: a share of few requests is less than one.
    uint64_t hedged = state.sent.hit();
    if (hedged > 0 && (hedged + 1) * 100 > rules.percent * state.sent.all()) return false;
    state.sent.hits[0]++;
    return true;
}

}  // namespace llm::policy
