#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace llm::policy {

// Spreads every bit of `n` over all bits (the finaliser of splitmix64).
constexpr uint64_t mix(uint64_t n) noexcept
{
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

// For spreading texts over targets and tables, not against those who look for
// collisions. Equal on all machines of one byte order; goes on from `seed`.
inline uint64_t hash(std::string_view text, uint64_t seed = 0) noexcept
{
    uint64_t h = mix(seed ^ text.size());
    for (; text.size() >= sizeof(uint64_t); text.remove_prefix(sizeof(uint64_t))) {
        uint64_t word;
        std::memcpy(&word, text.data(), sizeof(word));
        h = (h ^ word) * 0x9e3779b97f4a7c15;
        h ^= h >> 32;
    }
    uint64_t rest = 0;
    std::memcpy(&rest, text.data(), text.size());
    return mix(h ^ rest);
}

// Numbers for spreading load (splitmix64): not for secrets.
class Random {
public:
    explicit constexpr Random(uint64_t seed) noexcept : state_(seed) {}

    constexpr uint64_t next() noexcept { return mix(state_ += 0x9e3779b97f4a7c15); }

    // One of 0 .. n-1, each as likely as the others to 1 in 2^64 / n; 0 for n = 0.
    constexpr uint64_t below(uint64_t n) noexcept
    {
        return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64);
    }

private:
    uint64_t state_;
};

}  // namespace llm::policy
