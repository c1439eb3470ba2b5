// Moving averages that fit a word.
#include "policy/average.hpp"

#include <gtest/gtest.h>

#include "policy/random.hpp"

namespace llm::test {

namespace {

using policy::Average;
using policy::Random;

}  // namespace

TEST(Average, begins_with_the_first_sample)
{
    EXPECT_FALSE(Average().known());
    for (uint32_t sample : {0U, 1U, 250U, 1'000'000U, Average::kMaxSample}) {
        Average a = Average().with(sample, 1'000);
        EXPECT_TRUE(a.known());
        EXPECT_EQ(a.value(), sample);
        EXPECT_EQ(a.age(1'007), 7U);
    }
    EXPECT_EQ(Average().with(0xffffffff, 1).value(), Average::kMaxSample);
}

TEST(Average, a_sample_of_a_busy_target_counts_an_eighth)
{
    Average a = Average().with(800, 50).with(1600, 50);
    EXPECT_EQ(a.value(), 900U);
    EXPECT_EQ(a.with(0, 51).value(), 788U);
}

TEST(Average, after_a_pause_a_sample_counts_more)
{
    Average a = Average().with(1000, 100);
    EXPECT_EQ(a.with(0, 101).value(), 875U);  // not less than an eighth
    EXPECT_EQ(a.with(0, 110).value(), 500U);
    EXPECT_EQ(a.with(0, 130).value(), 250U);
    EXPECT_LT(a.with(0, 1000).value(), 15U);
}

// The share of one eighth must not get lost in rounding: small numbers too are reached.
TEST(Average, converges_to_what_comes)
{
    for (uint32_t to : {0U, 1U, 7U, 100U, 120'000U}) {
        for (uint32_t from : {0U, 3U, 90'000U}) {
            Average a = Average().with(from, 9);
            for (int i = 0; i < 200; i++) a = a.with(to, 9);
            EXPECT_EQ(a.value(), to) << from;
        }
    }
}

TEST(Average, stays_between_its_samples)
{
    Random random(1);
    for (int round = 0; round < 200; round++) {
        uint32_t low = static_cast<uint32_t>(random.below(1'000'000));
        uint32_t high = low + static_cast<uint32_t>(random.below(1'000'000));
        uint64_t now = random.below(uint64_t{1} << 40);
        Average a;
        for (int i = 0; i < 50; i++) {
            now += random.below(40);
            a = a.with(low + static_cast<uint32_t>(random.below(high - low + 1)), now);
            EXPECT_GE(a.value(), low);
            EXPECT_LE(a.value(), high);
            EXPECT_EQ(Average(a.word()).value(), a.value());
        }
    }
}

// The word has 24 bits for the time.
TEST(Average, knows_its_age_when_the_stamp_wraps)
{
    constexpr uint64_t kWrap = (1U << 24) - 1;
    for (uint64_t now : {uint64_t{0}, kWrap - 2, kWrap - 1, kWrap, kWrap + 1, 5 * kWrap - 1}) {
        Average a = Average().with(5, now);
        EXPECT_TRUE(a.known()) << now;
        for (uint32_t later : {0U, 1U, 2U, 3U, 600U, 1'000'000U}) EXPECT_EQ(a.age(now + later), later) << now;
    }
}

}  // namespace llm::test
