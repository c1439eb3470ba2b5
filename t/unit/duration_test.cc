#include "wire/duration.hpp"

#include <gtest/gtest.h>

#include "guard.hpp"

namespace llm::test {

namespace {

using Ms = std::optional<int64_t>;
constexpr auto kNone = std::nullopt;
constexpr int64_t kDay = 86400000;

struct Row {
    std::string_view text;
    Ms expected;
};

TEST(Duration, Parses)
{
    const Row rows[] = {
        {"1s", 1000},
        {"6m0s", 360000},
        {"120ms", 120},
        {"8.64s", 8640},
        {"2m59.56s", 179560},
        {"1h2m", 3720000},
        {"1d", kDay},
        {"1d1h1m1s1ms", kDay + 3661001},
        {"0s", 0},
        {"17.5ms", 18},
        {"0.4ms", 0},
        {"34.4s", 34400},
        {"366d", 366 * kDay},
        {"367d", kNone},
        {"300d100d", kNone},
        {"1e9s", kNone},
        {"", kNone},
        {"1", kNone},
        {"11.382867097854614", kNone},
        {"s", kNone},
        {"1x", kNone},
        {"1s2", kNone},
        {"1 s", kNone},
        {" 1s", kNone},
        {"1s ", kNone},
        {"-1s", kNone},
        {"+1s", kNone},
        {"1us", kNone},
        {"1S", kNone},
        {"nans", kNone},
        {"infs", kNone},
        {"99999999999999999999999999s", kNone},
    };
    for (const Row& row : rows) EXPECT_EQ(wire::parse_duration(Guarded(row.text).view()), row.expected) << row.text;
}

TEST(Duration, Formats)
{
    struct Form {
        int64_t ms;
        std::string_view expected;
    };
    const Form rows[] = {
        {-5, "0ms"},         {0, "0ms"},          {120, "120ms"},      {999, "999ms"},    {1000, "1s"},
        {1001, "2s"},        {6000, "6s"},        {59001, "1m0s"},     {60000, "1m0s"},   {360000, "6m0s"},
        {3599000, "59m59s"}, {3600000, "1h0m0s"}, {3661000, "1h1m1s"}, {kDay, "24h0m0s"},
    };
    for (const Form& row : rows) {
        EXPECT_EQ(wire::format_duration(row.ms), row.expected);
        // Never shorter than it was: who waits that long is not too early.
        EXPECT_GE(wire::parse_duration(wire::format_duration(row.ms)), row.ms) << row.ms;
    }
}

TEST(Duration, Seconds)
{
    const Row rows[] = {
        {"0", 0},
        {"20", 20000},
        {"1.5", 1500},
        {" 7 ", 7000},
        {"0.0004", 0},
        {"31622400", 366 * kDay},
        {"31622401", kNone},
        {"", kNone},
        {" ", kNone},
        {"-1", kNone},
        {"+1", kNone},
        {"1s", kNone},
        {"1e3", kNone},
        {"0x10", kNone},
        {"1,5", kNone},
        {"1 2", kNone},
        {"nan", kNone},
        {"inf", kNone},
        {"Sun, 06 Nov 1994 08:49:37 GMT", kNone},
        {"99999999999999999999", kNone},
    };
    for (const Row& row : rows) EXPECT_EQ(wire::parse_seconds(Guarded(row.text).view()), row.expected) << row.text;
}

TEST(Duration, HttpDates)
{
    const Row rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sat, 21 Nov 2026 02:39:00 GMT", 1795228740},
        {" Sat, 21 Nov 2026 02:39:00 GMT ", 1795228740},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Thu, 29 Feb 2024 23:59:59 GMT", 1709251199},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Saturday, 21-Nov-26 02:39:00 GMT", 1795228740},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Sat Nov 21 02:39:00 2026", 1795228740},
        {"Sunday, 06-Nov-94 08:49:37", kNone},
        {"Sun Nov  6 08:49:37 1994 GMT", kNone},
        {"Sat, 21 Nov 2026 02:39:00 GMT+1", kNone},
        {"Sat, 21 Nov 2026 02:39:00", kNone},
        {"Sat, 21 Nov 2026 25:39:00 GMT", kNone},
        {"Sat, 21 Foo 2026 02:39:00 GMT", kNone},
        {"2026-11-21T02:39:00Z", kNone},
        {"", kNone},
        {"20", kNone},
        {"Sat, 21 Nov 2026 02:39:00 GMT and a very long tail that no date ever has", kNone},
    };
    for (const Row& row : rows) EXPECT_EQ(wire::parse_http_date(Guarded(row.text).view()), row.expected) << row.text;
}

TEST(Duration, Rfc3339)
{
    constexpr int64_t kAt = 1795228740000;
    const Row rows[] = {
        {"2026-11-21T02:39:00Z", kAt},
        {" 2026-11-21T02:39:00Z ", kAt},
        {"2026-11-21T02:39:00z", kAt},
        {"2026-11-21T02:39:00.250Z", kAt + 250},
        {"2026-11-21T02:39:00.123456789Z", kAt + 123},
        {"2026-11-21T04:09:00+01:30", kAt},
        {"2026-11-20T18:39:00-08:00", kAt},
        {"2026-11-21T02:39:00.5+00:00", kAt + 500},
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-21T02:39:00", kNone},
        {"2026-11-21", kNone},
        {"2026-11-21 02:39:00Z", kNone},
        {"2026-13-21T02:39:00Z", kNone},
        {"2026-11-21T02:39:00.Z", kNone},
        {"2026-11-21T02:39:00+0130", kNone},
        {"2026-11-21T02:39:00+1:30", kNone},
        {"2026-11-21T02:39:00+01:30x", kNone},
        {"2026-11-21T02:39:00ZZ", kNone},
        {"6m0s", kNone},
        {"", kNone},
    };
    for (const Row& row : rows) EXPECT_EQ(wire::parse_rfc3339(Guarded(row.text).view()), row.expected) << row.text;
}

TEST(Duration, Spoken)
{
    struct Spoken {
        std::string_view text;
        std::optional<int64_t> ms;
    };
    const Spoken rows[] = {
        {"26 seconds", 26000},
        {"1 Second.", 1000},
        {"500ms", 500},
        {"2m59.56s. See", 179560},
        {"1h2m", 3720000},
        {"1 minute 30 s", 90000},
        {"3s 4 apples", 3000},
        {"0s", 0},
        {"2 days", 172800000},
        {"", std::nullopt},
        {"26", std::nullopt},
        {"26 tokens", std::nullopt},
        {"soon", std::nullopt},
        {"-1s", std::nullopt},
        {"9999 days", std::nullopt},
    };
    for (const Spoken& row : rows) EXPECT_EQ(wire::parse_spoken_duration(row.text), row.ms) << row.text;
}

}  // namespace

}  // namespace llm::test
