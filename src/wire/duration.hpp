#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llm::wire {

// "1s", "6m0s", "120ms", "2m59.56s", "1h2m", in milliseconds. A bare number is
// no duration.
std::optional<int64_t> parse_duration(std::string_view s) noexcept;

// Longest wait that a client is told of, in milliseconds: more is a mistake, or
// better asked for again.
inline constexpr int64_t kMaxWait = 3'600'000;

// A duration that a sentence goes on with: "26 seconds.", "6m0s. Visit", "1.2s".
// A number without a unit is none.
std::optional<int64_t> parse_spoken_duration(std::string_view s) noexcept;

// The form OpenAI uses in x-ratelimit-reset-*: "120ms", "6s", "6m0s".
std::string format_duration(int64_t ms);

// Seconds with decimals, as in `retry-after: 1.5`, in milliseconds.
std::optional<int64_t> parse_seconds(std::string_view s) noexcept;

// "Sun, 06 Nov 1994 08:49:37 GMT" and the two older forms of RFC 9110, in
// seconds since the epoch.
std::optional<int64_t> parse_http_date(std::string_view s);

// "2026-11-21T02:39:00Z", also with decimals and an offset (RFC 3339), in
// milliseconds since the epoch.
std::optional<int64_t> parse_rfc3339(std::string_view s);

}  // namespace llm::wire
