// Which of several credentials is used, and how long one rests.
#include "policy/credentials.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace llm::test {

namespace {

using chat::ErrorClass;
using policy::CredentialState;
using policy::note_answer;

constexpr int64_t kNow = 5000000;

TEST(Credentials, RestsByFailure)
{
    struct Row {
        ErrorClass kind;
        int64_t told;
        std::vector<int64_t> rests;  // after the first, second, ... in a row
    };
    const Row rows[] = {
        {ErrorClass::upstream_credential, -1, {60000, 120000, 240000, 480000, 960000, 1920000, 3600000, 3600000}},
        {ErrorClass::upstream_rate_limited, -1, {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000}},
        {ErrorClass::upstream_rate_limited, 7000, {7000, 7000}},
        {ErrorClass::upstream_rate_limited, int64_t{1} << 60, {3600000}},
        {ErrorClass::upstream_server, -1, {0, 0}},
        {ErrorClass::connect, -1, {0, 0}},
        {ErrorClass::upstream_rejected, -1, {0}},
    };
    for (const Row& row : rows) {
        CredentialState state;
        int64_t now = kNow;
        for (int64_t rest : row.rests) {
            note_answer(state, row.kind, row.told, {}, now);
            EXPECT_EQ(std::max<int64_t>(state.ready_ms - now, 0), rest) << traits(row.kind).name;
            now += rest;
            EXPECT_TRUE(state.ready(now));
            if (rest > 0) {
                EXPECT_FALSE(state.ready(now - 1));
            }
        }
    }
}

TEST(Credentials, AnAnswerShowsThatItIsGood)
{
    CredentialState state;
    note_answer(state, ErrorClass::upstream_credential, -1, {}, kNow);
    note_answer(state, ErrorClass::connect, -1, {}, kNow);
    EXPECT_FALSE(state.ready(kNow)) << "nobody was there to look at it";
    note_answer(state, ErrorClass::none, -1, {}, kNow);
    EXPECT_TRUE(state.ready(kNow));
    note_answer(state, ErrorClass::upstream_credential, -1, {}, kNow);
    EXPECT_EQ(state.ready_ms, kNow + 60000) << "the row began anew";
}

TEST(Credentials, TheOneThatRestedLongest)
{
    std::vector<CredentialState> s(3);
    std::vector<const CredentialState*> all = {&s[0], &s[1], &s[2]};
    EXPECT_EQ(policy::pick_credential(all, kNow), 0u);
    uint64_t uses = 0;
    std::vector<size_t> picked;
    for (int i = 0; i < 6; i++) {
        size_t n = policy::pick_credential(all, kNow);
        s[n].used = ++uses;
        picked.push_back(n);
    }
    EXPECT_EQ(picked, (std::vector<size_t>{0, 1, 2, 0, 1, 2}));
    s[0].ready_ms = kNow + 10;
    EXPECT_EQ(policy::pick_credential(all, kNow), 1u);
    s[1].ready_ms = kNow + 5;
    s[2].ready_ms = kNow + 20;
    EXPECT_EQ(policy::pick_credential(all, kNow), policy::kNoCredential);
    EXPECT_EQ(policy::soonest_credential(all), 1u);
    EXPECT_EQ(policy::pick_credential({}, kNow), policy::kNoCredential);
}

// Before the provider has to say no.
TEST(Credentials, RestsWhenItsRateIsUsedUp)
{
    CredentialState state;
    note_answer(state, ErrorClass::none, -1, {.used_up_ms = 4000}, kNow);
    EXPECT_FALSE(state.ready(kNow + 3999));
    EXPECT_TRUE(state.ready(kNow + 4000));
    note_answer(state, ErrorClass::none, -1, {}, kNow + 1);
    EXPECT_TRUE(state.ready(kNow + 1)) << "a later answer knows better";
}

TEST(Credentials, OneWithMuchLeftFirst)
{
    std::vector<CredentialState> s(2);
    std::vector<const CredentialState*> all = {&s[0], &s[1]};
    note_answer(s[0], ErrorClass::none, -1, {.scarce_ms = 5000}, kNow);
    s[1].used = 7;
    EXPECT_EQ(policy::pick_credential(all, kNow), 1u) << "though it was used later";
    EXPECT_EQ(policy::pick_credential(all, kNow + 5000), 0u);
    s[1].ready_ms = kNow + 10;
    EXPECT_EQ(policy::pick_credential(all, kNow), 0u) << "little is better than nothing";
}

}  // namespace

}  // namespace llm::test
