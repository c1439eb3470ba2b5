// When a target is left alone, for how long, and who finds out that it is well.
#include "policy/breaker.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace llm::test {

namespace {

using policy::Breaker;
using policy::BreakerRules;
using policy::BreakerState;
using policy::Owner;
using Pass = Breaker::Pass;
using Phase = BreakerState::Phase;

constexpr Owner kSelf = {1, 0, 100};
constexpr Owner kOther = {1, 1, 101};
constexpr int64_t kStart = 1000000;

struct Bench {
    BreakerRules rules;
    BreakerState state;
    int64_t now = kStart;

    Breaker breaker() { return {state, rules}; }
    Pass admit(const Owner& self = kSelf, bool lives = true) { return breaker().admit(self, lives, now); }
    bool fail(Pass pass = Pass::free) { return breaker().fail(pass, now, now); }
    bool succeed() { return breaker().succeed(now, now); }
    void open()
    {
        while (state.phase == Phase::closed) fail();
    }
};

TEST(Breaker, OpensAfterFailuresInARow)
{
    Bench b;
    EXPECT_FALSE(b.fail());
    EXPECT_FALSE(b.fail());
    EXPECT_EQ(b.admit(), Pass::free);
    EXPECT_TRUE(b.fail());
    EXPECT_EQ(b.admit(), Pass::refused);
}

TEST(Breaker, ASuccessBreaksTheRow)
{
    Bench b;
    for (int i = 0; i < 10; i++) {
        EXPECT_FALSE(b.fail());
        EXPECT_FALSE(b.fail());
        b.succeed();
    }
}

TEST(Breaker, FailuresFarApartAreNoRow)
{
    Bench b;
    for (int i = 0; i < 10; i++) {
        EXPECT_FALSE(b.fail());
        b.now += 31000;
    }
    // The window moves: what counts are the last three.
    b.now += 100000;
    EXPECT_FALSE(b.fail());
    b.now += 59000;
    EXPECT_FALSE(b.fail());
    b.now += 2000;
    EXPECT_FALSE(b.fail());
    b.now += 1000;
    EXPECT_TRUE(b.fail());
}

TEST(Breaker, NumberCanBeSet)
{
    for (unsigned n = 1; n <= BreakerRules::kMaxFailures; n++) {
        Bench b;
        b.rules.failures = n;
        unsigned count = 1;
        while (!b.fail()) count++;
        EXPECT_EQ(count, n);
    }
    Bench b;
    b.rules.failures = 0;
    for (int i = 0; i < 100; i++) EXPECT_FALSE(b.fail());
}

TEST(Breaker, ShareOfFailures)
{
    Bench b;
    b.rules = {.failures = 0, .percent = 50, .requests = 10};
    for (int i = 0; i < 4; i++) {
        EXPECT_FALSE(b.fail());
        b.succeed();
    }
    b.succeed();
    EXPECT_TRUE(b.fail()) << "5 of 10";
}

TEST(Breaker, LessThanTheShare)
{
    Bench b;
    b.rules = {.failures = 0, .percent = 50, .requests = 10};
    for (int i = 0; i < 100; i++) {
        b.succeed();
        b.succeed();
        EXPECT_FALSE(b.fail());
    }
}

TEST(Breaker, ShareNeedsRequests)
{
    Bench b;
    b.rules = {.failures = 0, .percent = 50, .requests = 10};
    for (int i = 0; i < 9; i++) EXPECT_FALSE(b.fail());
    EXPECT_TRUE(b.fail());
}

TEST(Breaker, Off)
{
    Bench b;
    b.rules.on = false;
    for (int i = 0; i < 100; i++) EXPECT_FALSE(b.fail());
    EXPECT_EQ(b.admit(), Pass::free);
}

TEST(Breaker, OneProbeAfterTheCooldown)
{
    Bench b;
    b.open();
    b.now += 29999;
    EXPECT_EQ(b.admit(), Pass::refused);
    b.now += 1;
    EXPECT_EQ(b.admit(kSelf), Pass::probe);
    EXPECT_EQ(b.admit(kSelf), Pass::refused);
    EXPECT_EQ(b.admit(kOther), Pass::refused);
    b.now += 1000000;
    EXPECT_EQ(b.admit(kOther), Pass::refused) << "a slow probe is still the one";
    EXPECT_TRUE(b.succeed());
    EXPECT_EQ(b.admit(kOther), Pass::free);
}

TEST(Breaker, ADeadWorkersProbeIsFreed)
{
    Bench b;
    b.open();
    b.now += 30000;
    EXPECT_EQ(b.admit(kSelf), Pass::probe);
    EXPECT_EQ(b.admit(kOther, false), Pass::probe);
    EXPECT_EQ(b.state.probe, kOther);
    // What the dead one could have given back is no longer its own.
    b.breaker().release(Pass::probe, kSelf);
    EXPECT_EQ(b.admit(kSelf), Pass::refused);
}

TEST(Breaker, AProbeThatIsGivenUpIsFreed)
{
    Bench b;
    b.open();
    b.now += 30000;
    EXPECT_EQ(b.admit(kSelf), Pass::probe);
    b.breaker().release(Pass::probe, kSelf);
    EXPECT_EQ(b.admit(kOther), Pass::probe);
}

TEST(Breaker, CooldownsGrowAndAreForgotten)
{
    Bench b;
    b.open();
    for (int64_t cooldown : {30000, 60000, 120000, 240000, 480000, 600000, 600000}) {
        EXPECT_EQ(b.state.until_ms - b.now, cooldown);
        b.now = b.state.until_ms;
        EXPECT_EQ(b.admit(), Pass::probe);
        EXPECT_TRUE(b.fail(Pass::probe));
    }
    b.now = b.state.until_ms;
    b.admit();
    b.succeed();
    b.now += 1000;
    b.open();
    EXPECT_EQ(b.state.until_ms - b.now, 600000) << "it was well for a second only";
    b.now = b.state.until_ms;
    b.admit();
    b.succeed();
    b.now += 60001;
    b.open();
    EXPECT_EQ(b.state.until_ms - b.now, 30000) << "it was well for longer than the window";
}

TEST(Breaker, WhatBeganBeforeItOpenedTellsNothing)
{
    Bench b;
    b.open();
    b.now += 30000;
    EXPECT_FALSE(b.breaker().succeed(kStart - 1, b.now));
    EXPECT_EQ(b.admit(), Pass::probe);
    EXPECT_FALSE(b.breaker().fail(Pass::free, kStart - 1, b.now));
    EXPECT_TRUE(b.succeed());
    for (int i = 0; i < 5; i++) EXPECT_FALSE(b.breaker().fail(Pass::free, kStart - 1, b.now));
}

// All targets are open and this one was asked nevertheless.
TEST(Breaker, ASuccessInSpiteOfItCloses)
{
    Bench b;
    b.open();
    b.now += 10;
    EXPECT_FALSE(b.fail()) << "a failure makes it neither longer nor shorter";
    EXPECT_EQ(b.state.until_ms, kStart + 30000);
    EXPECT_TRUE(b.succeed());
    EXPECT_EQ(b.admit(), Pass::free);
}

// Several workers on one state: never two probes at once, and it can always be
// closed again.
TEST(Breaker, AnyOrderOfEvents)
{
    std::minstd_rand random(3);
    for (int round = 0; round < 300; round++) {
        Bench b;
        b.rules.cooldown_ms = 50;
        b.rules.max_cooldown_ms = 400;
        b.rules.percent = round % 2 ? 50 : 0;
        struct Running {
            Pass pass;
            int64_t began;
            Owner owner;
        };
        std::vector<Running> running;
        for (int i = 0; i < 400; i++) {
            b.now += static_cast<int64_t>(random() % 20);
            Owner self = {1, static_cast<uint32_t>(random() % 3), 100};
            if (random() % 2) {
                Pass pass = b.admit(self);
                size_t probes = 0;
                for (const Running& r : running)
                    probes +=
                        r.pass == Pass::probe && b.state.phase == Phase::half_open && r.began >= b.state.opened_ms;
                if (pass == Pass::probe) {
                    ASSERT_EQ(probes, 0u);
                }
                if (pass != Pass::refused) running.push_back({pass, b.now, self});
            } else if (!running.empty()) {
                size_t n = random() % running.size();
                Running r = running[n];
                running.erase(running.begin() + static_cast<std::ptrdiff_t>(n));
                switch (random() % 3) {
                    case 0:
                        b.breaker().succeed(r.began, b.now);
                        break;
                    case 1:
                        b.breaker().fail(r.pass, r.began, b.now);
                        break;
                    default:
                        b.breaker().release(r.pass, r.owner);
                }
            }
            ASSERT_LE(b.state.until_ms - b.now, 400);
        }
        for (const Running& r : running) b.breaker().release(r.pass, r.owner);
        b.now += 400;
        ASSERT_NE(b.admit(), Pass::refused);
        b.succeed();
        ASSERT_EQ(b.admit(), Pass::free);
    }
}

}  // namespace

}  // namespace llm::test
