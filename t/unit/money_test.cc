#include "chat/money.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace llm::test {

namespace {

using chat::Cost;
using chat::Money;

constexpr int64_t kMost = INT64_MAX;
constexpr int64_t kLeast = INT64_MIN;

TEST(Money, AddsAndSubtractsExactly)
{
    struct Row {
        int64_t a, b;
        std::optional<int64_t> sum, difference;
    };
    const Row rows[] = {
        {0, 0, 0, 0},
        {3, 5, 8, -2},
        {-3, -5, -8, 2},
        {kMost, 0, kMost, kMost},
        {kMost, 1, std::nullopt, kMost - 1},
        {kLeast, 1, kLeast + 1, std::nullopt},
        {kLeast, -1, std::nullopt, kLeast + 1},
        {kMost, kLeast, -1, std::nullopt},
        {0, kLeast, kLeast, std::nullopt},
    };
    auto nanos = [](std::optional<Money> m) { return m ? std::optional(m->nanos()) : std::nullopt; };
    for (const Row& row : rows) {
        EXPECT_EQ(nanos(Money::nano(row.a).plus(Money::nano(row.b))), row.sum) << row.a << " and " << row.b;
        EXPECT_EQ(nanos(Money::nano(row.a).minus(Money::nano(row.b))), row.difference) << row.a << " and " << row.b;
    }
}

TEST(Money, Compares)
{
    EXPECT_LT(Money::nano(-1), Money());
    EXPECT_LT(Money::nano(1), Money::nano(2));
    EXPECT_EQ(Money::nano(0), Money());
    EXPECT_EQ(Money::kNanoPerDollar / 1000 * Money::kPicoPerNano, 1'000'000'000);
}

struct Term {
    int64_t tokens, picos;
};

TEST(Cost, RoundsOnceAndUpwards)
{
    struct Row {
        std::string_view name;
        std::vector<Term> terms;
        std::optional<int64_t> nanos;
    };
    const Row rows[] = {
        {"nothing", {}, 0},
        {"no tokens", {{0, 2'500'000}}, 0},
        {"free", {{1000, 0}}, 0},
        {"exact", {{1000, 2'500'000}}, 2'500'000},  // 1,000 tokens at $2.50 a million
        {"smallest amount", {{1, 1}}, 1},
        {"just below a nano-dollar", {{999, 1}}, 1},
        {"just a nano-dollar", {{1000, 1}}, 1},
        {"just above", {{1001, 1}}, 2},
        {"three fractions are rounded together", {{1, 400}, {1, 400}, {1, 400}}, 2},
        {"fractions that make a whole", {{1, 400}, {1, 600}}, 1},
        {"most that fits", {{kMost, 1000}}, kMost},
        {"one fraction too many", {{kMost, 1000}, {1, 1}}, std::nullopt},
        {"beyond 64 bits in between", {{kMost, 500}, {kMost, 500}}, kMost},
        {"beyond what money holds", {{kMost, 1001}}, std::nullopt},
        {"largest product", {{kMost, kMost}}, std::nullopt},
        {"beyond 128 bits",
         {{kMost, kMost}, {kMost, kMost}, {kMost, kMost}, {kMost, kMost}, {kMost, kMost}},
         std::nullopt},
        {"exactly 2^128, which wraps to nothing",
         {{kMost, kMost}, {kMost, kMost}, {kMost, kMost}, {kMost, kMost}, {kMost, 8}, {4, 1}},
         std::nullopt},
        {"negative tokens for nothing", {{-1, 0}}, std::nullopt},
        {"negative price of nothing", {{0, -1}}, std::nullopt},
        {"negative tokens", {{-1, 5}}, std::nullopt},
        {"negative price", {{5, -1}}, std::nullopt},
        {"both negative", {{-5, -5}}, std::nullopt},
        {"a negative term spoils the others", {{1000, 1}, {-1, 1}, {1000, 1}}, std::nullopt},
    };
    for (const Row& row : rows) {
        Cost cost;
        for (const Term& t : row.terms) cost.add(t.tokens, t.picos);
        std::optional<Money> total = cost.total();
        EXPECT_EQ(total ? std::optional(total->nanos()) : std::nullopt, row.nanos) << row.name;
    }
}

// The order of the terms is nobody's business.
TEST(Cost, SumsInAnyOrder)
{
    std::vector<Term> terms = {{1, 333}, {7, 77'777}, {1'000'000, 3}, {123'456'789, 15'000'000}};
    Cost forward, backward;
    for (size_t i = 0; i < terms.size(); i++) {
        forward.add(terms[i].tokens, terms[i].picos);
        const Term& last = terms[terms.size() - 1 - i];
        backward.add(last.tokens, last.picos);
    }
    // 333 + 544,439 + 3,000,000 + 1,851,851,835,000,000 pico-dollars
    EXPECT_EQ(forward.total(), Money::nano(1'851'851'838'545));
    EXPECT_EQ(backward.total(), forward.total());
}

TEST(Money, IsReadAsAPrice)
{
    struct Row {
        std::string_view text;
        int exponent;
        int64_t picos;  // -1: none
    };
    const Row rows[] = {
        {"0", 0, 0},
        {"0.0", 0, 0},
        {"1", 0, 1'000'000'000'000},
        {"2.5e-06", 0, 2'500'000},
        {"2.5E-6", 0, 2'500'000},
        {"1.25e-07", 0, 125'000},
        {"0.0000025", 0, 2'500'000},
        {"25e-7", 0, 2'500'000},
        {"5.46875e-07", 0, 546'875},
        {"2.5", -6, 2'500'000},
        {"15", -6, 15'000'000},
        {"0.0028", -6, 2'800},
        // What binary fractions leave behind.
        {"1.2500000000000002e-07", 0, 125'000},
        {"3.6249999999999997e-09", 0, 3'625},
        {"7.000000000000001e-10", 0, 700},
        // The nearest pico-dollar.
        {"4.9e-13", 0, 0},
        {"5e-13", 0, 1},
        {"14.9e-13", 0, 1},
        {"1.5e-12", 0, 2},
        {"9.9999999999e-12", 0, 10},
        {"1e-400", 0, 0},
        {"1e-99999", 0, 0},
        // The most there is.
        {"1000", 0, 1'000'000'000'000'000},
        {"1e3", 0, 1'000'000'000'000'000},
        {"1000.000000000001", 0, -1},
        {"1001", 0, -1},
        {"1e400", 0, -1},
        {"123456789012345678901234567890", 0, -1},
        {"123456789012345678901234567890e-30", 0, 123'456'789'012},
        {"0.000000000000000000000000000000000001e30", 0, 1'000'000},
        {"", 0, -1},
        {"-1", 0, -1},
        {"+1", 0, -1},
        {".5", 0, -1},
        {"5.", 0, -1},
        {"1e", 0, -1},
        {"1e+", 0, -1},
        {"1e--1", 0, -1},
        {"1x", 0, -1},
        {"1 ", 0, -1},
        {"nan", 0, -1},
        {"0x10", 0, -1},
    };
    for (const Row& row : rows)
        EXPECT_EQ(chat::parse_price(row.text, row.exponent).value_or(-1), row.picos) << row.text;
}

TEST(Money, IsWrittenInDollars)
{
    struct Row {
        int64_t nanos;
        std::string_view text;
    };
    const Row rows[] = {
        {0, "0"},
        {1, "0.000000001"},
        {1'250'000, "0.00125"},
        {1'000'000'000, "1"},
        {12'345'678'901, "12.345678901"},
        {100'500'000'000, "100.5"},
        {-1'500'000'000, "-1.5"},
        {kMost, "9223372036.854775807"},
        {kLeast, "-9223372036.854775808"},
    };
    for (const Row& row : rows) EXPECT_EQ(chat::dollars(Money::nano(row.nanos)), row.text);
}

}  // namespace

}  // namespace llm::test
