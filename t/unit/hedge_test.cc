// When a second attempt begins beside a slow one, and how many there may be.
#include "policy/hedge.hpp"

#include <gtest/gtest.h>

#include <random>

namespace llm::test {

namespace {

using policy::HedgeRules;
using policy::HedgeState;
using policy::Latencies;
using When = HedgeRules::When;

TEST(Hedge, Percentiles)
{
    Latencies few;
    for (uint32_t i = 1; i < Latencies::kFew; i++) {
        few.note(100);
        EXPECT_EQ(few.percentile(95), -1);
    }
    few.note(100);
    EXPECT_GE(few.percentile(95), 100);
    EXPECT_LE(few.percentile(95), 125);

    // Of a known distribution, within a class.
    std::minstd_rand random(5);
    Latencies all;
    for (int i = 0; i < 5000; i++) all.note(static_cast<int64_t>(random() % 1000));
    for (unsigned p : {50u, 90u, 95u, 99u}) {
        EXPECT_GE(all.percentile(p), static_cast<int64_t>(p) * 10 * 8 / 10) << p;
        EXPECT_LE(all.percentile(p), static_cast<int64_t>(p) * 10 * 13 / 10) << p;
    }
    EXPECT_LE(all.percentile(50), all.percentile(95));
}

TEST(Hedge, ThePastIsForgotten)
{
    Latencies l;
    for (int i = 0; i < 1000; i++) l.note(10);
    EXPECT_LT(l.percentile(95), 20);
    for (int i = 0; i < 3000; i++) l.note(1000);
    EXPECT_GT(l.percentile(50), 900);
}

TEST(Hedge, AnyNumberIsInAClass)
{
    Latencies l;
    for (int64_t ms : {int64_t{-5}, int64_t{0}, int64_t{1}, int64_t{1} << 60}) {
        for (int i = 0; i < 30; i++) l.note(ms);
    }
    EXPECT_EQ(l.percentile(1), 1);
    EXPECT_GT(l.percentile(99), 1'200'000);
}

TEST(Hedge, Delay)
{
    HedgeState state;
    for (int i = 0; i < 100; i++) state.first_token.note(300);
    EXPECT_EQ(hedge_delay({}, state, true), -1);
    EXPECT_EQ(hedge_delay({.when = When::after, .delay_ms = 800}, state, true), 800);
    EXPECT_EQ(hedge_delay({.when = When::race}, state, true), 0);
    EXPECT_NEAR(static_cast<double>(hedge_delay({.when = When::p95}, state, true)), 300, 75);
    EXPECT_EQ(hedge_delay({.when = When::p95}, state, false), -1) << "nothing is known of whole answers";
}

TEST(Hedge, ShareIsCapped)
{
    for (unsigned percent : {1u, 10u, 50u}) {
        HedgeRules rules{.when = When::race, .percent = percent};
        HedgeState state;
        unsigned hedged = 0;
        for (int i = 0; i < 10000; i++) {
            note_request(state, i);
            hedged += take_hedge(rules, state, i);
        }
        EXPECT_LE(hedged, percent * 100 + 1);
        EXPECT_GE(hedged, percent * 100 - 1);
    }
    HedgeState state;
    note_request(state, 0);
    EXPECT_TRUE(take_hedge({.percent = 1}, state, 0)) << "the first of all";
    EXPECT_FALSE(take_hedge({.percent = 1}, state, 0));
    EXPECT_TRUE(take_hedge({.percent = 1}, state, HedgeRules::kWindow)) << "and of each window";
}

}  // namespace

}  // namespace llm::test
