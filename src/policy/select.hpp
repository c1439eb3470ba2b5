#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "chat/money.hpp"
#include "policy/average.hpp"
#include "policy/random.hpp"

// In which order a request's targets are tried. Pure: what is known of them, the
// time and the chance come in as arguments.
namespace llm::policy {

enum class Strategy : uint8_t { order, weighted, random, least_busy, hash, latency, throughput, cost };

// What answers of a target took, in milliseconds.
struct Speed {
    Average first_token;  // streams: to the first content
    Average per_token;    // streams: between tokens, in microseconds
    Average whole;        // answers that were not streamed
};

// What is known of a target.
struct Candidate {
    uint32_t priority = 0;  // lower ones are tried before higher ones
    uint32_t weight = 1;    // 0: behind all others of its priority
    bool fallback = false;  // behind all that are none; no strategy moves it
    uint64_t id = 0;        // stands for its name, wherever it is written
    uint32_t active = 0;    // attempts in hand
    Speed speed;
    std::optional<chat::Money> cost;  // of this request; unset: no price is known
};

struct Choice {
    Strategy strategy = Strategy::order;
    uint64_t key = 0;     // hash: equal ones go to the same target
    bool stream = false;  // which of the speeds counts
    uint32_t within = 0;  // cost: milliseconds to the first token, or to the whole answer; 0: any
    uint64_t now = 0;     // seconds of the clock of Speed
};

// A target that nobody has measured for so many seconds
inline constexpr uint32_t kStale = 30;
// is measured again by one request in so many.
inline constexpr uint64_t kRecheck = 10;
// A failure counts for latency as an answer that took so long, in milliseconds.
inline constexpr uint32_t kFailure = 10'000;

// Indices into `candidates`, each once, the one to be tried first in front.
std::vector<size_t> rank(std::span<const Candidate> candidates, const Choice& choice, Random& random);

}  // namespace llm::policy
