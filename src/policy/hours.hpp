#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace llm::policy {

// A part of every day, such as 22:00-06:00 at +02:00.
class Hours {
public:
    constexpr Hours() = default;  // all day

    // "HH:MM-HH:MM", from 00:00 to 24:00; past midnight when the end is not
    // behind the beginning. nullopt for anything else, and for no time at all.
    static std::optional<Hours> parse(std::string_view range) noexcept;

    // "+HH:MM", "-HH:MM" or "Z": the offset from UTC, as RFC 3339 writes it.
    bool set_zone(std::string_view offset) noexcept;

    // Seconds since the epoch. The end is no part of it.
    bool contains(int64_t unix_time) const noexcept;

private:
    static constexpr int kDay = 24 * 60;

    int from_ = 0;  // minutes
    int to_ = kDay;
    int offset_ = 0;
};

}  // namespace llm::policy
