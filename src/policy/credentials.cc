#include "policy/credentials.hpp"

#include <algorithm>
#include <utility>

namespace llm::policy {

using chat::ErrorClass;

namespace {

constexpr int64_t kSecond = 1000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;

int64_t doubled(int64_t first, uint16_t times, int64_t most) noexcept
{
    for (; times > 0 && first < most; times--) first *= 2;
    return std::min(first, most);
}

bool came_from_provider(ErrorClass kind) noexcept
{
    switch (kind) {
        case ErrorClass::connect:
        case ErrorClass::timeout:
        case ErrorClass::internal:
            return false;
        default:
            return true;
    }
}

}  // namespace

void note_answer(CredentialState& state, ErrorClass kind, int64_t told_ms, const RateSense& rate,
                 int64_t now_ms) noexcept
{
    auto rest = [&](int64_t ms) { state.ready_ms = std::max(state.ready_ms, now_ms + ms); };
    if (kind == ErrorClass::upstream_credential) {
        rest(doubled(kMinute, state.refused, kHour));
        if (state.refused < UINT16_MAX) state.refused++;
    } else if (kind == ErrorClass::upstream_rate_limited) {
        rest(told_ms >= 0 ? std::min(told_ms, kHour) : doubled(kSecond, state.limited, kMinute));
        if (state.limited < UINT16_MAX) state.limited++;
    } else if (came_from_provider(kind)) {
        state.refused = state.limited = 0;
        state.ready_ms = 0;
    }
    if (rate.used_up_ms > 0) rest(std::min(rate.used_up_ms, kHour));
    if (came_from_provider(kind)) state.scarce_ms = rate.scarce_ms > 0 ? now_ms + rate.scarce_ms : 0;
}

size_t pick_credential(std::span<const CredentialState* const> states, int64_t now_ms) noexcept
{
    size_t best = kNoCredential;
    for (size_t i = 0; i < states.size(); i++) {
        if (!states[i]->ready(now_ms)) continue;
        auto rank = [&](const CredentialState& s) { return std::pair(s.scarce_ms > now_ms, s.used); };
        if (best == kNoCredential || rank(*states[i]) < rank(*states[best])) best = i;
    }
    return best;
}

size_t soonest_credential(std::span<const CredentialState* const> states) noexcept
{
    size_t best = kNoCredential;
    for (size_t i = 0; i < states.size(); i++) {
        if (best == kNoCredential || states[i]->ready_ms < states[best]->ready_ms) best = i;
    }
    return best;
}

}  // namespace llm::policy
