#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "chat/error.hpp"

// Which of a provider's credentials is used. Times in milliseconds.
namespace llm::policy {

// Plain data for the zone; all zero is one that nothing is known of.
struct CredentialState {
    int64_t ready_ms = 0;   // resting until then
    uint64_t used = 0;      // the number of its last use: the least is the longest ago
    int64_t scarce_ms = 0;  // little of its rate is left until then
    uint16_t refused = 0;   // in a row: 401, 402, 403, no credit
    uint16_t limited = 0;   // in a row: 429

    bool ready(int64_t now_ms) const noexcept { return now_ms >= ready_ms; }
};

// What an answer's headers say of its rate, in milliseconds from now; -1: nothing.
struct RateSense {
    int64_t used_up_ms = -1;  // until something is there again
    int64_t scarce_ms = -1;   // for so long there is little
};

// What an answer says of the credential it was asked with. A refused one rests
// for a minute, doubled each time up to an hour; one whose rate is used up for
// as long as the provider told (`told_ms`, -1: nothing), else for a second,
// doubled up to a minute. One whose rate the headers say to be used up rests before
// the provider has to say so. Anything else that came from the provider shows that
// it is good.
void note_answer(CredentialState& state, chat::ErrorClass kind, int64_t told_ms, const RateSense& rate,
                 int64_t now_ms) noexcept;

inline constexpr size_t kNoCredential = ~size_t{0};

// The one that is ready and was used the longest ago, of those with much of their
// rate left if there are such.
size_t pick_credential(std::span<const CredentialState* const> states, int64_t now_ms) noexcept;

// The one that will be ready first.
size_t soonest_credential(std::span<const CredentialState* const> states) noexcept;

}  // namespace llm::policy
