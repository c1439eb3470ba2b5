#include "policy/credentials.hpp"

#include <algorithm>

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

void note_answer(CredentialState& state, ErrorClass kind, int64_t told_ms, int64_t now_ms) noexcept
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
}

size_t pick_credential(std::span<const CredentialState* const> states, int64_t now_ms) noexcept
{
    size_t best = kNoCredential;
    for (size_t i = 0; i < states.size(); i++) {
        if (!states[i]->ready(now_ms)) continue;
        if (best == kNoCredential || states[i]->used < states[best]->used) best = i;
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
