#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace llm::policy {

// A moving average and its age in one word, so that many processes can share it
// without a lock: whoever has a sample swaps the word for with(sample). A word
// of 0 has no sample yet.
class Average {
public:
    // A sample counts this much of what is known so far,
    static constexpr uint64_t kShare = 8;  // one eighth
    // and half when nothing came for so many seconds.
    static constexpr uint64_t kHalfLife = 10;
    static constexpr uint32_t kMaxSample = 0x7fffffff;

    constexpr Average() = default;
    explicit constexpr Average(uint64_t word) noexcept : word_(word) {}

    constexpr uint64_t word() const noexcept { return word_; }
    constexpr bool known() const noexcept { return word_ != 0; }
    constexpr uint32_t value() const noexcept { return static_cast<uint32_t>((fixed() + kOne / 2) >> kFraction); }

    // Seconds since the last sample.
    constexpr uint32_t age(uint64_t now) const noexcept
    {
        return static_cast<uint32_t>((stamp(now) + kStamps - (word_ & kStampMask)) % kStamps);
    }

    // `now` in seconds of a clock that all processes share.
    constexpr Average with(uint32_t sample, uint64_t now) const noexcept
    {
        uint64_t to = uint64_t{std::min(sample, kMaxSample)} << kFraction;
        if (!known()) return of(to, now);
        uint64_t idle = age(now);
        uint64_t base = idle + kHalfLife;
        uint64_t from = fixed();
        uint64_t step = idle * kShare > base ? (from < to ? to - from : from - to) * idle / base
                                             : (from < to ? to - from : from - to) / kShare;
        return of(from < to ? from + step : from - step, now);
    }

private:
    static constexpr unsigned kFraction = 8;
    static constexpr uint64_t kOne = uint64_t{1} << kFraction;
    static constexpr unsigned kStampBits = 24;  // half a year of seconds
    static constexpr uint64_t kStampMask = (uint64_t{1} << kStampBits) - 1;
    static constexpr uint64_t kStamps = kStampMask;  // 1 .. kStamps: 0 is for no sample

    static constexpr uint64_t stamp(uint64_t now) noexcept { return now % kStamps + 1; }
    static constexpr Average of(uint64_t fixed, uint64_t now) noexcept
    {
        return Average((fixed << kStampBits) | stamp(now));
    }
    constexpr uint64_t fixed() const noexcept { return word_ >> kStampBits; }

    uint64_t word_ = 0;
};

}  // namespace llm::policy
