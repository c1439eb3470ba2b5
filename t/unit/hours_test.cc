// Parts of the day in which a target is open.
#include "policy/hours.hpp"

#include <gtest/gtest.h>

namespace llm::test {

namespace {

using policy::Hours;

// 2026-03-01 00:00 UTC, a day that begins a month.
constexpr int64_t kMidnight = 1772323200;
constexpr int64_t at(int hour, int minute, int second = 0)
{
    return kMidnight + hour * 3600 + minute * 60 + second;
}

struct Row {
    std::string_view range, zone;
    int64_t time;
    bool open;
};

const Row kRows[] = {
    {"09:00-17:00", "Z", at(8, 59, 59), false},
    {"09:00-17:00", "Z", at(9, 0), true},
    {"09:00-17:00", "Z", at(16, 59, 59), true},
    {"09:00-17:00", "Z", at(17, 0), false},
    {"22:00-06:00", "Z", at(21, 59), false},
    {"22:00-06:00", "Z", at(22, 0), true},
    {"22:00-06:00", "Z", at(23, 59, 59), true},
    {"22:00-06:00", "Z", at(0, 0), true},
    {"22:00-06:00", "Z", at(5, 59, 59), true},
    {"22:00-06:00", "Z", at(6, 0), false},
    {"00:00-24:00", "Z", at(0, 0), true},
    {"00:00-24:00", "Z", at(23, 59, 59), true},
    // 22:00 at +02:00 is 20:00 UTC.
    {"22:00-06:00", "+02:00", at(19, 59), false},
    {"22:00-06:00", "+02:00", at(20, 0), true},
    {"22:00-06:00", "+02:00", at(3, 59), true},
    {"22:00-06:00", "+02:00", at(4, 0), false},
    {"22:00-06:00", "-05:30", at(3, 29), false},
    {"22:00-06:00", "-05:30", at(3, 30), true},
    {"00:00-01:00", "+14:00", at(10, 0), true},
    {"00:00-01:00", "-12:00", at(12, 0), true},
    // Before the epoch, though no clock says so.
    {"00:00-01:00", "-12:00", 30, false},
    {"12:00-13:00", "-12:00", 30, true},
    {"12:00-13:00", "Z", -12 * 3600 + 30, true},
};

}  // namespace

TEST(Hours, contain_a_time)
{
    for (const Row& row : kRows) {
        auto hours = Hours::parse(row.range);
        ASSERT_TRUE(hours) << row.range;
        ASSERT_TRUE(hours->set_zone(row.zone)) << row.zone;
        EXPECT_EQ(hours->contains(row.time), row.open) << row.range << ' ' << row.zone << ' ' << row.time - kMidnight;
    }
}

TEST(Hours, all_day_unless_told)
{
    for (int64_t t = 0; t < 86400; t += 777) EXPECT_TRUE(Hours().contains(t));
}

// A range and the one from its end to its beginning share no minute and leave none out.
TEST(Hours, a_range_and_the_rest_of_the_day)
{
    auto night = Hours::parse("22:15-06:45");
    auto day = Hours::parse("06:45-22:15");
    ASSERT_TRUE(night->set_zone("+05:45") && day->set_zone("+05:45"));
    for (int64_t t = kMidnight; t < kMidnight + 86400; t += 30) EXPECT_NE(night->contains(t), day->contains(t)) << t;
}

TEST(Hours, refuse_what_is_no_range)
{
    for (std::string_view bad :
         {"", "22:00", "22:00-", "-06:00", "22:00-22:00", "24:00-06:00", "22:00-24:01", "22:60-06:00", "2200-0600",
          "22:00-06:00 ", " 22:00-06:00", "ab:cd-ef:gh", "22.00-06.00", "22:00+06:00", "22:00-06:0", "22:00-6:00",
          "+2:00-06:00", "22:00-06:000"}) {
        EXPECT_FALSE(Hours::parse(bad)) << bad;
    }
}

TEST(Hours, refuse_what_is_no_zone)
{
    for (std::string_view bad : {"", "02:00", "+2:00", "+0200", "+14:01", "-15:00", "+02:60", "z", "UTC", "+02:00 "}) {
        Hours hours;
        EXPECT_FALSE(hours.set_zone(bad)) << bad;
    }
}

}  // namespace llm::test
