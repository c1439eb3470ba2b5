// How long a retry waits, and how many there may be.
#include "policy/retry.hpp"

#include <gtest/gtest.h>

#include <random>

namespace llm::test {

namespace {

using policy::backoff;
using policy::Budget;
using policy::BudgetRules;
using policy::RetryRules;

constexpr uint32_t kMost = ~uint32_t{0};

TEST(Retry, BackoffIsBetweenNothingAndTheDoubledDelay)
{
    RetryRules rules;
    const int64_t most[] = {500, 1000, 2000, 4000, 8000, 8000, 8000};
    for (unsigned n = 0; n < std::size(most); n++) {
        EXPECT_EQ(backoff(rules, n, -1, 0), 0);
        EXPECT_EQ(backoff(rules, n, -1, kMost), most[n]);
    }
    EXPECT_EQ(backoff(rules, 1000, -1, kMost), 8000);
    rules.delay_ms = 20000;
    EXPECT_EQ(backoff(rules, 0, -1, kMost), 8000);
    rules.delay_ms = 0;
    EXPECT_EQ(backoff(rules, 5, -1, kMost), 0);
}

// Full jitter: all of the interval is as likely.
TEST(Retry, BackoffIsSpread)
{
    RetryRules rules;
    std::mt19937 random(1);
    int quarters[4] = {};
    for (int i = 0; i < 40000; i++) {
        int64_t wait = backoff(rules, 1, -1, static_cast<uint32_t>(random()));
        ASSERT_GE(wait, 0);
        ASSERT_LE(wait, 1000);
        quarters[std::min<int64_t>(wait / 250, 3)]++;
    }
    for (int n : quarters) EXPECT_NEAR(n, 10000, 500);
}

TEST(Retry, AToldWaitIsHonoured)
{
    RetryRules rules;
    for (int64_t told : {0, 1, 10, 1500, 60000}) {
        EXPECT_EQ(backoff(rules, 0, told, 0), told);
        EXPECT_EQ(backoff(rules, 3, told, kMost), told + told / 10);
    }
    EXPECT_EQ(backoff(rules, 0, int64_t{1} << 62, 0), 3600000);
}

TEST(Retry, BudgetIsAShareOfWhatIsSent)
{
    BudgetRules rules{.percent = 20, .least = 2};
    Budget budget;
    EXPECT_TRUE(budget.allows(rules, 0));
    budget.note(true, 0);
    budget.note(true, 0);
    EXPECT_FALSE(budget.allows(rules, 0)) << "the least is used up and nothing else was sent";
    for (int i = 0; i < 14; i++) budget.note(false, 0);
    EXPECT_FALSE(budget.allows(rules, 0)) << "3 of 14 are more than 20 %";
    budget.note(false, 0);
    EXPECT_TRUE(budget.allows(rules, 0)) << "3 of 15 are 20 %";
    rules.limited = false;
    EXPECT_TRUE(budget.allows(rules, 0));
}

TEST(Retry, BudgetForgets)
{
    BudgetRules rules{.percent = 0, .least = 1};
    Budget budget;
    budget.note(true, 1000);
    EXPECT_FALSE(budget.allows(rules, 1000));
    EXPECT_FALSE(budget.allows(rules, 1000 + BudgetRules::kWindow / 2));
    EXPECT_TRUE(budget.allows(rules, 1000 + BudgetRules::kWindow));
}

// An outage: every request fails and asks for three retries. What is sent stays
// within the share.
TEST(Retry, AnOutageIsNotAmplified)
{
    BudgetRules rules;
    Budget budget;
    uint64_t requests = 0, retries = 0;
    for (int64_t now = 0; now < 60000; now += 10) {
        requests++;
        budget.note(false, now);
        for (int i = 0; i < 3 && budget.allows(rules, now); i++) {
            retries++;
            budget.note(true, now);
        }
    }
    EXPECT_LE(retries, requests / 5 + 6 * rules.least);
    EXPECT_GE(retries, requests / 10) << "the share can be used";
}

TEST(Window, KeepsAboutAsMuchAsItSays)
{
    policy::Window w;
    w.roll(1000, 100);
    w.total[0] = 7;
    for (int64_t now : {1000, 1049, 1050, 1099}) {
        w.roll(now, 100);
        EXPECT_EQ(w.all(), 7u) << now;
    }
    w.roll(1100, 100);
    EXPECT_EQ(w.all(), 0u);
    w.total[0] = 3;
    w.roll(5000, 100);
    EXPECT_EQ(w.all(), 0u) << "after a long silence";
    w.total[0] = 3;
    w.roll(10, 100);
    EXPECT_EQ(w.all(), 0u) << "a clock that went back";
}

}  // namespace

}  // namespace llm::test
