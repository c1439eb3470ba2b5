#include "policy/hours.hpp"

#include "base/text.hpp"

namespace llm::policy {

namespace {

// "HH:MM" in minutes, or -1.
int minutes(std::string_view s, int max) noexcept
{
    if (s.size() != 5 || s[2] != ':') return -1;
    for (size_t i : {0, 1, 3, 4}) {
        if (!text::is_digit(s[i])) return -1;
    }
    int hour = (s[0] - '0') * 10 + (s[1] - '0');
    int minute = (s[3] - '0') * 10 + (s[4] - '0');
    int sum = hour * 60 + minute;
    return minute < 60 && sum <= max ? sum : -1;
}

}  // namespace

std::optional<Hours> Hours::parse(std::string_view range) noexcept
{
    if (range.size() != 11 || range[5] != '-') return std::nullopt;
    Hours hours;
    hours.from_ = minutes(range.substr(0, 5), kDay - 1);
    hours.to_ = minutes(range.substr(6), kDay);
    if (hours.from_ < 0 || hours.to_ < 0 || hours.from_ == hours.to_) return std::nullopt;
    return hours;
}

bool Hours::set_zone(std::string_view offset) noexcept
{
    constexpr int kFarthest = 14 * 60;
    offset_ = 0;
    if (offset == "Z") return true;
    if (offset.empty() || (offset[0] != '+' && offset[0] != '-')) return false;
    int east = minutes(offset.substr(1), kFarthest);
    if (east < 0) return false;
    offset_ = offset[0] == '-' ? -east : east;
    return true;
}

bool Hours::contains(int64_t unix_time) const noexcept
{
    int64_t minute = (unix_time / 60 + offset_) % kDay;
    if (minute < 0) minute += kDay;
    if (from_ < to_) return from_ <= minute && minute < to_;
    return from_ <= minute || minute < to_;
}

}  // namespace llm::policy
