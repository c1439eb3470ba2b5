// What price files say of models besides prices.
#include <gtest/gtest.h>

#include "policy/prices.hpp"

namespace llm::test {

namespace {

using chat::Need;
using chat::Needs;
using policy::Facts;

constexpr std::string_view kFile = R"({
"plain": {"input_cost_per_token": 1e-6},
"seeing": {"input_cost_per_token": 1e-6, "supports_vision": true, "supports_audio_input": false, "max_input_tokens": 128000},
"nothing": {"input_cost_per_token": 1e-6, "supports_vision": false, "supports_audio_input": false,
            "supports_pdf_input": false, "supports_function_calling": false, "supports_response_schema": false,
            "supports_audio_output": false, "max_input_tokens": 2000000.0},
"odd": {"input_cost_per_token": 1e-6, "supports_vision": null, "supports_pdf_input": "no", "max_input_tokens": "8k"},
"far": {"input_cost_per_token": 1e-6, "max_input_tokens": 1e300},
"less": {"input_cost_per_token": 1e-6, "max_input_tokens": -5},
"groq/seeing": {"input_cost_per_token": 2e-6, "supports_vision": false},
"dated-2025-01-01": {"input_cost_per_token": 1e-6, "max_input_tokens": 100},
"dated-2025-06-01": {"input_cost_per_token": 1e-6, "max_input_tokens": 200},
"free": {"supports_vision": false}
})";

Facts facts(std::string_view provider, std::string_view model)
{
    policy::PriceBook book;
    std::string why;
    EXPECT_TRUE(book.add(kFile, why)) << why;
    return book.facts(provider, "openai", model);
}

}  // namespace

TEST(PriceFacts, lacks_are_said_in_so_many_words)
{
    EXPECT_TRUE(facts("p", "plain").lacks.empty());
    EXPECT_EQ(facts("p", "seeing").lacks, Needs(Need::audio));
    EXPECT_EQ(facts("p", "nothing").lacks,
              Needs(Need::images) | Need::audio | Need::files | Need::tools | Need::json_schema | Need::audio_output);
    EXPECT_TRUE(facts("p", "odd").lacks.empty());
    EXPECT_TRUE(facts("p", "unheard-of").lacks.empty());
    EXPECT_TRUE(facts("p", "free").lacks.empty()) << "what has no price is no model";
}

TEST(PriceFacts, windows)
{
    EXPECT_EQ(facts("p", "plain").window, 0);
    EXPECT_EQ(facts("p", "seeing").window, 128'000);
    EXPECT_EQ(facts("p", "nothing").window, 2'000'000);
    for (std::string_view model : {"odd", "far", "less", "unheard-of"}) EXPECT_EQ(facts("p", model).window, 0) << model;
}

TEST(PriceFacts, are_those_of_the_entry_with_the_price)
{
    EXPECT_EQ(facts("groq", "seeing").lacks, Needs(Need::images));
    EXPECT_EQ(facts("groq", "seeing").window, 0);
    EXPECT_EQ(facts("p", "dated").window, 200);
    EXPECT_EQ(facts("p", "plain-2025-08-01").window, facts("p", "plain").window);
}

// 1 and 5 dollars a million tokens, 2 and 10 above 1000.
TEST(Prices, AreWithinABound)
{
    policy::PriceBook book;
    std::string why;
    ASSERT_TRUE(book.add(R"({"m": {"input_cost_per_token": 1e-6, "output_cost_per_token": 5e-6,
        "input_cost_per_token_above_1k_tokens": 2e-6, "output_cost_per_token_above_1k_tokens": 1e-5}})",
                         why));
    policy::Rates rates = book.find({}, {}, "m");
    constexpr int64_t kDollar = 1'000'000;  // a million tokens, in pico-dollars a token
    EXPECT_TRUE(policy::is_within(rates, 100, 100, std::nullopt, std::nullopt));
    EXPECT_TRUE(policy::is_within(rates, 100, 100, kDollar, 5 * kDollar));
    EXPECT_FALSE(policy::is_within(rates, 100, 100, kDollar * 9 / 10, std::nullopt));
    EXPECT_FALSE(policy::is_within(rates, 100, 100, std::nullopt, 5 * kDollar * 9 / 10));
    EXPECT_FALSE(policy::is_within(rates, 1001, 100, kDollar, std::nullopt));
    EXPECT_FALSE(policy::is_within(rates, 1001, 100, std::nullopt, 5 * kDollar));
    EXPECT_TRUE(policy::is_within(rates, 1001, 100, 2 * kDollar, 10 * kDollar));
    EXPECT_TRUE(policy::is_within({}, 1, 1, std::nullopt, std::nullopt));
    EXPECT_FALSE(policy::is_within({}, 1, 1, kDollar, std::nullopt)) << "what has no price may cost anything";
    EXPECT_FALSE(policy::is_within({}, 1, 1, std::nullopt, kDollar));
}

}  // namespace llm::test
