#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llm::chat {

// An amount of US dollars in nano-dollars, and how it is computed: prices are
// whole pico-dollars a token, a request's cost is summed in 128 bits and
// rounded up once. Nothing here is a floating point number.
class Money {
public:
    static constexpr int64_t kNanoPerDollar = 1'000'000'000;
    static constexpr int64_t kPicoPerNano = 1'000;

    constexpr Money() = default;
    static constexpr Money nano(int64_t n) noexcept { return Money(n); }

    constexpr int64_t nanos() const noexcept { return nanos_; }

    // nullopt on overflow: an amount nobody may act upon.
    constexpr std::optional<Money> plus(Money other) const noexcept
    {
        int64_t sum;
        if (__builtin_add_overflow(nanos_, other.nanos_, &sum)) return std::nullopt;
        return Money(sum);
    }
    constexpr std::optional<Money> minus(Money other) const noexcept
    {
        int64_t difference;
        if (__builtin_sub_overflow(nanos_, other.nanos_, &difference)) return std::nullopt;
        return Money(difference);
    }

    constexpr auto operator<=>(const Money&) const = default;

private:
    explicit constexpr Money(int64_t nanos) noexcept : nanos_(nanos) {}

    int64_t nanos_ = 0;
};

// Sums tokens times price and rounds once, upwards.
class Cost {
public:
    // Both must not be negative; `pico_dollars` is the price of one token.
    constexpr Cost& add(int64_t tokens, int64_t pico_dollars) noexcept
    {
        if (tokens < 0 || pico_dollars < 0) {
            overflow_ = true;
            return *this;
        }
        // Two factors below 2^63 cannot overflow 128 bits; their sum can.
        auto product = static_cast<unsigned __int128>(tokens) * static_cast<unsigned __int128>(pico_dollars);
        overflow_ |= __builtin_add_overflow(picos_, product, &picos_);
        return *this;
    }

    // nullopt when a term was negative or the sum does not fit Money.
    constexpr std::optional<Money> total() const noexcept
    {
        unsigned __int128 nanos = picos_ / Money::kPicoPerNano + (picos_ % Money::kPicoPerNano != 0);
        if (overflow_ || nanos > static_cast<unsigned __int128>(INT64_MAX)) return std::nullopt;
        return Money::nano(static_cast<int64_t>(nanos));
    }

private:
    unsigned __int128 picos_ = 0;
    bool overflow_ = false;
};

// A price as JSON or a person writes it ("2.5e-06", "15"), in pico-dollars.
// `exponent` is that of ten to be multiplied with besides: 0 for dollars, -6
// for dollars a million. What lies beyond a pico-dollar is rounded to the
// nearest: those are the digits that binary fractions leave behind. nullopt for
// what is no number, is negative, or is above kMaxPrice.
std::optional<int64_t> parse_price(std::string_view number, int exponent = 0) noexcept;

inline constexpr int64_t kMaxPrice = 1'000'000'000'000'000;  // a thousand dollars

// In dollars, with as many decimals as there are and at least one digit before
// the point: "0.00125", "3".
std::string dollars(Money amount);

}  // namespace llm::chat
