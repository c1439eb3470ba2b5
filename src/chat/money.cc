#include "chat/money.hpp"

#include "base/text.hpp"

namespace llm::chat {

namespace {

constexpr int kPicoExponent = 12;
constexpr size_t kDigits = 18;  // more than a price has, fewer than overflow
constexpr int kMaxExponent = 1000;

// Reads the digits at `at`; counts those behind the point as `scale`.
struct Decimal {
    uint64_t digits = 0;
    int exponent = 0;  // of ten
    size_t kept = 0;
    bool any = false;

    void take(char c, bool fraction) noexcept
    {
        any = true;
        if (kept < kDigits) {
            digits = digits * 10 + static_cast<uint64_t>(c - '0');
            kept += digits > 0;
            exponent -= fraction;
        } else {
            // What is cut off can no longer change how it is rounded.
            exponent += !fraction;
        }
    }
};

size_t read_digits(std::string_view s, size_t at, bool fraction, Decimal& out) noexcept
{
    for (; at < s.size() && text::is_digit(s[at]); at++) {
        if (out.exponent > -kMaxExponent && out.exponent < kMaxExponent) out.take(s[at], fraction);
    }
    return at;
}

// The whole of `s` as an exponent; nullopt when it is none.
std::optional<int> read_exponent(std::string_view s) noexcept
{
    bool negative = s.starts_with('-');
    if (negative || s.starts_with('+')) s.remove_prefix(1);
    std::optional<uint64_t> n = text::to_uint(s);
    if (!n) return std::nullopt;
    int value = *n > kMaxExponent ? kMaxExponent : static_cast<int>(*n);
    return negative ? -value : value;
}

}  // namespace

std::optional<int64_t> parse_price(std::string_view number, int exponent) noexcept
{
    Decimal d;
    size_t at = read_digits(number, 0, false, d);
    if (!d.any) return std::nullopt;
    if (at < number.size() && number[at] == '.') {
        size_t end = read_digits(number, at + 1, true, d);
        if (end == at + 1) return std::nullopt;
        at = end;
    }
    int power = d.exponent + exponent + kPicoExponent;
    if (at < number.size()) {
        if (text::to_lower(number[at]) != 'e') return std::nullopt;
        std::optional<int> more = read_exponent(number.substr(at + 1));
        if (!more) return std::nullopt;
        power += *more;
    }

    uint64_t value = d.digits;
    for (; power > 0 && value > 0; power--) {
        if (value > static_cast<uint64_t>(kMaxPrice)) return std::nullopt;
        value *= 10;
    }
    uint64_t last = 0;  // digit that was cut off
    for (; power < 0 && (value > 0 || last > 0); power++) {
        last = value % 10;
        value /= 10;
    }
    value += last >= 5;
    if (value > static_cast<uint64_t>(kMaxPrice)) return std::nullopt;
    return static_cast<int64_t>(value);
}

std::string dollars(Money amount)
{
    // The least amount has no positive counterpart.
    auto nanos = static_cast<uint64_t>(amount.nanos());
    if (amount.nanos() < 0) nanos = uint64_t{0} - nanos;
    constexpr auto kUnit = static_cast<uint64_t>(Money::kNanoPerDollar);
    std::string out = std::to_string(nanos / kUnit);
    if (uint64_t rest = nanos % kUnit) {
        std::string decimals = std::to_string(kUnit + rest).substr(1);
        decimals.erase(decimals.find_last_not_of('0') + 1);
        out += '.' + decimals;
    }
    return amount.nanos() < 0 ? '-' + out : out;
}

}  // namespace llm::chat
