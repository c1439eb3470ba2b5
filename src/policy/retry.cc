#include "policy/retry.hpp"

#include <algorithm>
#include <array>

namespace llm::policy {

namespace {

using chat::ErrorClass;

// Wire format: errors, section 1. What is not here is asked once: another try
// would be refused for the same reason.
constexpr std::array kRecoveries = {
    //       kind                             same   rotate trips
    Recovery{ErrorClass::upstream_credential, false, true, false},
    Recovery{ErrorClass::upstream_rate_limited, true, true, false},
    Recovery{ErrorClass::upstream_overloaded, true, false, true},
    Recovery{ErrorClass::upstream_server, true, false, true},
    Recovery{ErrorClass::connect, true, false, true},
    Recovery{ErrorClass::protocol, true, false, true},
    Recovery{ErrorClass::interrupted, true, false, true},
    Recovery{ErrorClass::timeout, true, false, true},
};
constexpr Recovery kNone = {ErrorClass::none, false, false, false};

// What is waited at most for a number that is told or computed.
constexpr int64_t kHour = 3'600'000;

}  // namespace

const Recovery& recovery(ErrorClass kind) noexcept
{
    const auto* row =
        std::find_if(kRecoveries.begin(), kRecoveries.end(), [&](const Recovery& r) { return r.kind == kind; });
    return row == kRecoveries.end() ? kNone : *row;
}

uint8_t reasons_after(ErrorClass kind) noexcept
{
    switch (kind) {
        case ErrorClass::context_length:
            return kContextWindow;
        case ErrorClass::content_policy:
            return kContentPolicy;
        case ErrorClass::unsupported:
            return kCapability;
        default:
            return traits(kind).try_next ? kAnyError : 0;
    }
}

int64_t backoff(const RetryRules& rules, unsigned n, int64_t told_ms, uint32_t chance) noexcept
{
    auto up_to = [&](int64_t most) {
        return static_cast<int64_t>(uint64_t{chance} * static_cast<uint64_t>(most) >> 32);
    };
    if (told_ms >= 0) {
        int64_t told = std::min(told_ms, kHour);
        return told + up_to(told / 10 + 1);
    }
    int64_t most = std::clamp<int64_t>(rules.delay_ms, 0, kHour);
    for (; n > 0 && most < rules.max_delay_ms; n--) most *= 2;
    return up_to(std::min(most, rules.max_delay_ms) + 1);
}

void Budget::note(bool retry, int64_t now_ms) noexcept
{
    sent.roll(now_ms, BudgetRules::kWindow);
    sent.total[0]++;
    if (retry) sent.hits[0]++;
}

bool Budget::allows(const BudgetRules& rules, int64_t now_ms) noexcept
{
    if (!rules.limited) return true;
    sent.roll(now_ms, BudgetRules::kWindow);
    uint64_t retries = sent.hit();
    return retries < rules.least || (retries + 1) * 100 <= rules.percent * (sent.all() - retries);
}

}  // namespace llm::policy
