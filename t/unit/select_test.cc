// In which order targets are tried: tables of what must hold for any chance, and
// distributions over many requests.
#include "policy/select.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace llm::test {

namespace {

using chat::Money;
using policy::Average;
using policy::Candidate;
using policy::Choice;
using policy::Random;
using policy::Strategy;

constexpr uint64_t kNow = 1'000'000;
constexpr Strategy kAll[] = {Strategy::order, Strategy::weighted, Strategy::random,     Strategy::least_busy,
                             Strategy::hash,  Strategy::latency,  Strategy::throughput, Strategy::cost};

Average known(uint32_t value, uint32_t age = 0)
{
    return Average().with(value, kNow - age);
}

Candidate fast(uint32_t ms, uint32_t age = 0)
{
    Candidate c;
    c.speed.first_token = c.speed.whole = known(ms, age);
    return c;
}

Candidate priced(int64_t nanos, uint32_t ms)
{
    Candidate c = fast(ms);
    c.cost = Money::nano(nanos);
    return c;
}

using Order = std::vector<size_t>;

Order rank(const std::vector<Candidate>& candidates, Choice choice, Random& random)
{
    choice.now = kNow;
    Order order = policy::rank(candidates, choice, random);
    Order sorted = order;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted.size(), candidates.size());
    for (size_t i = 0; i < sorted.size(); i++) EXPECT_EQ(sorted[i], i);
    return order;
}

constexpr int kRounds = 20'000;

// How often each target was the first of kRounds orders.
std::vector<double> shares(const std::vector<Candidate>& candidates, Choice choice, uint64_t seed = 7)
{
    Random random(seed);
    std::vector<double> out(candidates.size());
    for (int i = 0; i < kRounds; i++) {
        choice.key = static_cast<uint64_t>(i);
        out[rank(candidates, choice, random)[0]] += 1.0 / kRounds;
    }
    return out;
}

std::vector<Candidate> weights(std::initializer_list<uint32_t> list)
{
    std::vector<Candidate> out;
    for (uint32_t w : list) {
        Candidate c;
        c.weight = w;
        c.id = 1000 + out.size();
        out.push_back(c);
    }
    return out;
}

}  // namespace

TEST(Hash, tells_texts_apart)
{
    std::map<uint64_t, std::string> seen;
    std::string text;
    for (int i = 0; i < 300; i++) {
        for (char last : {'a', 'b', '\0'}) {
            for (uint64_t seed : {0U, 1U}) EXPECT_TRUE(seen.emplace(policy::hash(text + last, seed), text).second) << i;
        }
        text += 'x';
    }
    EXPECT_EQ(policy::hash("abc"), policy::hash(std::string("abc")));
}

TEST(Rank, as_written)
{
    Random random(1);
    EXPECT_EQ(rank(std::vector<Candidate>(), {}, random), Order{});
    EXPECT_EQ(rank(std::vector<Candidate>(1), {}, random), Order{0});
    EXPECT_EQ(rank(std::vector<Candidate>(4), {}, random), (Order{0, 1, 2, 3}));
}

// Whatever the strategy: priorities are never mixed, and fallbacks come last, by
// their priority and as written.
TEST(Rank, keeps_levels_apart)
{
    Random random(3);
    for (Strategy strategy : kAll) {
        for (int round = 0; round < 300; round++) {
            std::vector<Candidate> all(random.below(12));
            for (Candidate& c : all) {
                c.priority = static_cast<uint32_t>(random.below(3));
                c.weight = static_cast<uint32_t>(random.below(4));
                c.fallback = random.below(3) == 0;
                c.active = static_cast<uint32_t>(random.below(3));
                c.id = random.next();
                if (random.below(2)) c.speed.first_token = known(static_cast<uint32_t>(random.below(900)), 40);
                if (random.below(2)) c.cost = Money::nano(static_cast<int64_t>(random.below(5)));
            }
            Choice choice{.strategy = strategy, .key = random.next(), .stream = true};
            if (random.below(2)) choice.within = 300;
            Order order = rank(all, choice, random);
            for (size_t i = 1; i < order.size(); i++) {
                const Candidate& a = all[order[i - 1]];
                const Candidate& b = all[order[i]];
                EXPECT_LE(std::pair(a.fallback, a.priority), std::pair(b.fallback, b.priority));
                bool as_written = a.fallback && a.priority == b.priority;
                EXPECT_TRUE(!as_written || order[i - 1] < order[i]);
            }
        }
    }
}

TEST(Rank, weighted_by_weights)
{
    std::vector<double> share = shares(weights({6, 3, 1, 0}), {.strategy = Strategy::weighted});
    EXPECT_NEAR(share[0], 0.6, 0.015);
    EXPECT_NEAR(share[1], 0.3, 0.015);
    EXPECT_NEAR(share[2], 0.1, 0.015);
    EXPECT_EQ(share[3], 0);
}

// Without the first one the rest is drawn by weight again.
TEST(Rank, weighted_second_choice)
{
    Random random(5);
    std::map<size_t, int> second;
    int first = 0;
    for (int i = 0; i < kRounds; i++) {
        Order order = rank(weights({6, 3, 1, 0}), {.strategy = Strategy::weighted}, random);
        EXPECT_EQ(order[3], 3U);
        if (order[0] != 0) continue;
        first++;
        second[order[1]]++;
    }
    EXPECT_NEAR(second[1] / static_cast<double>(first), 0.75, 0.02);
}

TEST(Rank, weighted_without_any_weight)
{
    Random random(5);
    EXPECT_EQ(rank(weights({0, 0, 0}), {.strategy = Strategy::weighted}, random), (Order{0, 1, 2}));
}

TEST(Rank, weights_may_be_large)
{
    std::vector<double> share = shares(weights({0xffffffff, 0xffffffff}), {.strategy = Strategy::weighted});
    EXPECT_NEAR(share[0], 0.5, 0.015);
}

TEST(Rank, random_is_even)
{
    for (double share : shares(weights({9, 1, 1, 0}), {.strategy = Strategy::random})) EXPECT_NEAR(share, 0.25, 0.015);
}

TEST(Rank, least_busy_first)
{
    std::vector<Candidate> all = weights({1, 1, 1});
    all[0].active = 2;
    all[1].active = 1;
    Random random(1);
    for (int i = 0; i < 50; i++) EXPECT_EQ(rank(all, {.strategy = Strategy::least_busy}, random), (Order{2, 1, 0}));

    // One of weight 4 with 3 in hand is less busy than one of weight 1 with 1.
    all = weights({1, 4, 0});
    all[0].active = 1;
    all[1].active = 3;
    for (int i = 0; i < 50; i++) EXPECT_EQ(rank(all, {.strategy = Strategy::least_busy}, random), (Order{1, 0, 2}));

    for (double share : shares(weights({1, 1, 1}), {.strategy = Strategy::least_busy}))
        EXPECT_NEAR(share, 1 / 3.0, 0.015);
}

TEST(Rank, hash_is_sticky)
{
    Random random(1);
    std::vector<Candidate> all = weights({1, 1, 1, 1});
    for (uint64_t key = 0; key < 200; key++) {
        Order order = rank(all, {.strategy = Strategy::hash, .key = key}, random);
        EXPECT_EQ(rank(all, {.strategy = Strategy::hash, .key = key}, random), order);
        // Where targets stand does not matter.
        std::vector<Candidate> reversed(all.rbegin(), all.rend());
        Order there = rank(reversed, {.strategy = Strategy::hash, .key = key}, random);
        for (size_t i = 0; i < order.size(); i++) EXPECT_EQ(reversed[there[i]].id, all[order[i]].id);
    }
}

TEST(Rank, hash_spreads_by_weight)
{
    std::vector<double> share = shares(weights({6, 3, 1, 0}), {.strategy = Strategy::hash});
    EXPECT_NEAR(share[0], 0.6, 0.015);
    EXPECT_NEAR(share[1], 0.3, 0.015);
    EXPECT_NEAR(share[2], 0.1, 0.015);
    EXPECT_EQ(share[3], 0);
}

// A target that goes leaves its keys to the others; all other keys stay.
TEST(Rank, hash_moves_only_what_it_must)
{
    Random random(1);
    std::vector<Candidate> four = weights({1, 1, 1, 1});
    std::vector<Candidate> three(four.begin(), four.begin() + 3);
    for (uint64_t key = 0; key < 2000; key++) {
        Order order = rank(four, {.strategy = Strategy::hash, .key = key}, random);
        size_t now = rank(three, {.strategy = Strategy::hash, .key = key}, random)[0];
        EXPECT_EQ(now, order[0] == 3 ? order[1] : order[0]);
    }
}

TEST(Rank, latency_prefers_the_faster_of_two)
{
    std::vector<double> share = shares({fast(900), fast(100)}, {.strategy = Strategy::latency, .stream = true});
    EXPECT_NEAR(share[1], 1, 1e-9);
    // Of three the slowest is never first, the fastest in 2 of 3 cases.
    share = shares({fast(900), fast(100), fast(400)}, {.strategy = Strategy::latency, .stream = true});
    EXPECT_EQ(share[0], 0);
    EXPECT_NEAR(share[1], 2 / 3.0, 0.015);
}

TEST(Rank, latency_counts_the_speed_of_tokens)
{
    Candidate eager = fast(100);
    Candidate fluent = fast(300);
    eager.speed.per_token = known(20'000);  // 50 a second: 4 s for 200
    fluent.speed.per_token = known(5'000);
    Random random(1);
    EXPECT_EQ(rank({eager, fluent}, {.strategy = Strategy::latency, .stream = true}, random), (Order{1, 0}));
    EXPECT_EQ(rank({eager, fluent}, {.strategy = Strategy::latency, .stream = false}, random), (Order{0, 1}));
}

TEST(Rank, latency_of_whole_answers_is_their_own)
{
    Candidate a, b;
    a.speed = {known(100), {}, known(9'000)};
    b.speed = {known(200), {}, known(3'000)};
    Random random(1);
    EXPECT_EQ(rank({a, b}, {.strategy = Strategy::latency, .stream = true}, random), (Order{0, 1}));
    EXPECT_EQ(rank({a, b}, {.strategy = Strategy::latency, .stream = false}, random), (Order{1, 0}));
}

TEST(Rank, latency_measures_what_is_unknown_with_one_request_at_a_time)
{
    Candidate unknown;
    Random random(1);
    EXPECT_EQ(rank({fast(100), unknown}, {.strategy = Strategy::latency, .stream = true}, random), (Order{1, 0}));
    unknown.active = 1;
    EXPECT_EQ(rank({fast(100), unknown}, {.strategy = Strategy::latency, .stream = true}, random), (Order{0, 1}));
}

TEST(Rank, latency_looks_again_at_what_was_slow)
{
    Choice choice{.strategy = Strategy::latency, .stream = true};
    EXPECT_EQ(shares({fast(100), fast(5'000, policy::kStale - 1)}, choice)[1], 0);
    std::vector<double> share = shares({fast(100), fast(5'000, policy::kStale)}, choice);
    EXPECT_NEAR(share[1], 1.0 / policy::kRecheck, 0.01);
    Candidate busy = fast(5'000, policy::kStale);
    busy.active = 1;
    EXPECT_EQ(shares({fast(100), busy}, choice)[1], 0);
}

TEST(Rank, most_tokens_a_second_first)
{
    std::vector<Candidate> all(3);
    all[0].speed.per_token = known(9'000);
    all[2].speed.per_token = known(3'000);
    Random random(1);
    for (int i = 0; i < 20; i++) {
        EXPECT_EQ(rank(all, {.strategy = Strategy::throughput, .stream = true}, random), (Order{2, 0, 1}));
    }
}

TEST(Rank, cheapest_first)
{
    Random random(1);
    Candidate unpriced = fast(1);
    EXPECT_EQ(rank({priced(30, 1), unpriced, priced(10, 9), priced(20, 5), priced(10, 1)},
                   {.strategy = Strategy::cost, .stream = true}, random),
              (Order{2, 4, 3, 0, 1}));
}

// Along the order the cost never falls, and what has none is last.
TEST(Rank, cost_never_falls)
{
    Random random(9);
    for (int round = 0; round < 500; round++) {
        std::vector<Candidate> all(1 + random.below(9));
        for (Candidate& c : all) {
            if (random.below(4)) c.cost = Money::nano(static_cast<int64_t>(random.below(6)));
        }
        Order order = rank(all, {.strategy = Strategy::cost}, random);
        for (size_t i = 1; i < order.size(); i++) {
            const auto& a = all[order[i - 1]].cost;
            const auto& b = all[order[i]].cost;
            EXPECT_TRUE(!b || (a && *a <= *b));
        }
    }
}

TEST(Rank, cheapest_within_a_bound)
{
    Random random(1);
    Choice choice{.strategy = Strategy::cost, .stream = true, .within = 800};
    // 0 and 2 are fast enough; 1 is cheapest but slow, 3 slower still.
    EXPECT_EQ(rank({priced(30, 800), priced(1, 801), priced(20, 100), priced(2, 5'000)}, choice, random),
              (Order{2, 0, 1, 3}));
    // None is: the fastest.
    EXPECT_EQ(rank({priced(1, 5'000), priced(9, 900)}, choice, random), (Order{1, 0}));
    // What has never been measured may be fast.
    Candidate unknown;
    unknown.cost = Money::nano(5);
    EXPECT_EQ(rank({priced(30, 100), unknown}, choice, random), (Order{1, 0}));
    unknown.active = 1;
    EXPECT_EQ(rank({priced(30, 100), unknown}, choice, random), (Order{0, 1}));
}

}  // namespace llm::test
