#include "wire/duration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

#include "base/text.hpp"

namespace llm::wire {

namespace {

// Longest waiting time that means anything; also keeps arithmetic in range.
constexpr double kMaxMs = 366.0 * 24 * 3600 * 1000;

struct Unit {
    std::string_view name;
    double ms;
};
// `ms` before `m`: the first match counts.
constexpr std::array kUnits = {
    Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60e3}, Unit{"h", 3600e3}, Unit{"d", 86400e3},
};

// As in sentences, where a whole word counts.
constexpr std::array kSpoken = {
    Unit{"ms", 1},         Unit{"millisecond", 1}, Unit{"milliseconds", 1}, Unit{"s", 1000},       Unit{"sec", 1000},
    Unit{"second", 1000},  Unit{"seconds", 1000},  Unit{"m", 60e3},         Unit{"min", 60e3},     Unit{"minute", 60e3},
    Unit{"minutes", 60e3}, Unit{"h", 3600e3},      Unit{"hour", 3600e3},    Unit{"hours", 3600e3}, Unit{"d", 86400e3},
    Unit{"day", 86400e3},  Unit{"days", 86400e3},
};

std::optional<double> take_number(std::string_view& s) noexcept
{
    double value;
    auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value, std::chars_format::fixed);
    if (error != std::errc{} || !(value >= 0) || value > kMaxMs) return std::nullopt;
    s.remove_prefix(static_cast<size_t>(end - s.data()));
    return value;
}

// strptime() and timegm() need a terminated string; dates are short.
const char* parse_tm(std::string_view s, const char* format, std::array<char, 64>& copy, std::tm& out)
{
    if (s.size() >= copy.size()) return nullptr;
    copy[s.copy(copy.data(), s.size())] = '\0';
    out = {};
    return strptime(copy.data(), format, &out);
}

}  // namespace

std::optional<int64_t> parse_duration(std::string_view s) noexcept
{
    double total = 0;
    if (s.empty()) return std::nullopt;
    while (!s.empty()) {
        std::optional<double> value = take_number(s);
        if (!value) return std::nullopt;
        const Unit* unit = nullptr;
        for (const Unit& u : kUnits) {
            if (!unit && s.starts_with(u.name)) unit = &u;
        }
        if (!unit) return std::nullopt;
        s.remove_prefix(unit->name.size());
        total += *value * unit->ms;
    }
    if (total > kMaxMs) return std::nullopt;
    return static_cast<int64_t>(std::llround(total));
}

std::optional<int64_t> parse_spoken_duration(std::string_view s) noexcept
{
    double total = -1;
    while (std::optional<double> value = take_number(s)) {
        if (s.starts_with(' ')) s.remove_prefix(1);
        size_t length = 0;
        while (length < s.size() && text::is_alpha(s[length])) length++;
        const Unit* unit = nullptr;
        for (const Unit& u : kSpoken) {
            if (text::iequals(s.substr(0, length), u.name)) unit = &u;
        }
        if (!unit) break;
        total = std::max(total, 0.0) + *value * unit->ms;
        s.remove_prefix(length);
        if (s.starts_with(' ')) s.remove_prefix(1);
    }
    if (total < 0 || total > kMaxMs) return std::nullopt;
    return static_cast<int64_t>(std::llround(total));
}

std::string format_duration(int64_t ms)
{
    if (ms < 1000) return std::to_string(ms < 0 ? 0 : ms) + "ms";
    int64_t s = (ms + 999) / 1000;
    std::string out;
    if (s >= 3600) out += std::to_string(s / 3600) + 'h';
    if (s >= 60) out += std::to_string(s / 60 % 60) + 'm';
    return out + std::to_string(s % 60) + 's';
}

std::optional<int64_t> parse_seconds(std::string_view s) noexcept
{
    s = text::trim(s);
    std::optional<double> value = take_number(s);
    if (!value || !s.empty() || *value * 1000 > kMaxMs) return std::nullopt;
    return static_cast<int64_t>(std::llround(*value * 1000));
}

std::optional<int64_t> parse_http_date(std::string_view s)
{
    // A recipient has to take all three (RFC 9110, section 5.6.7).
    constexpr std::array kForms = {
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",  // RFC 850
        "%a %b %e %H:%M:%S %Y",       // asctime()
    };
    for (const char* form : kForms) {
        std::array<char, 64> copy;
        std::tm tm;
        const char* end = parse_tm(text::trim(s), form, copy, tm);
        if (end && !*end) return timegm(&tm);
    }
    return std::nullopt;
}

std::optional<int64_t> parse_rfc3339(std::string_view s)
{
    std::array<char, 64> copy;
    std::tm tm;
    const char* end = parse_tm(text::trim(s), "%Y-%m-%dT%H:%M:%S", copy, tm);
    if (!end) return std::nullopt;
    std::string_view rest(end);
    int64_t ms = timegm(&tm) * 1000;
    if (rest.starts_with('.')) {
        std::optional<double> fraction = take_number(rest);
        if (!fraction) return std::nullopt;
        ms += std::llround(*fraction * 1000);
    }
    if (rest == "Z" || rest == "z") return ms;

    // +hh:mm
    bool shaped = rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':';
    std::optional<uint64_t> hours = shaped ? text::to_uint(rest.substr(1, 2)) : std::nullopt;
    std::optional<uint64_t> minutes = shaped ? text::to_uint(rest.substr(4, 2)) : std::nullopt;
    if (!hours || !minutes) return std::nullopt;
    auto offset = static_cast<int64_t>(*hours * 3600 + *minutes * 60) * 1000;
    return rest[0] == '+' ? ms - offset : ms + offset;
}

}  // namespace llm::wire
