// What answers cost.
#include "policy/prices.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "files.hpp"
#include "price_requests.hpp"

namespace llm::test {

namespace {

using chat::Money;
using chat::Usage;
using policy::PriceBook;
using policy::Rates;

// Members and numbers as LiteLLM's file writes them.
constexpr std::string_view kFile = R"({
"sample_spec": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "mode": "one of: chat, embedding",
                "max_tokens": "LEGACY parameter."},
"fallback_generalizations": {"rules": [{"name": "x", "pattern": "^x", "model_info": {"input_cost_per_token": 1.0}}]},
"gpt-4o": {"cache_read_input_token_cost": 1.25e-06, "input_cost_per_token": 2.5e-06,
           "input_cost_per_token_batches": 1.25e-06, "litellm_provider": "openai", "max_tokens": 16384,
           "output_cost_per_token": 1e-05, "output_cost_per_token_batches": 5e-06},
"gpt-5.4": {"cache_read_input_token_cost": 2.5e-07, "cache_read_input_token_cost_above_272k_tokens": 5e-07,
            "cache_read_input_token_cost_above_272k_tokens_priority": 1e-06,
            "cache_read_input_token_cost_flex": 1.25e-07, "cache_read_input_token_cost_priority": 5e-07,
            "input_cost_per_token": 2.5e-06, "input_cost_per_token_above_272k_tokens": 5e-06,
            "input_cost_per_token_above_272k_tokens_priority": 1e-05, "input_cost_per_token_flex": 1.25e-06,
            "input_cost_per_token_priority": 5e-06, "litellm_provider": "openai",
            "output_cost_per_token": 1.5e-05, "output_cost_per_token_above_272k_tokens": 2.25e-05,
            "output_cost_per_token_above_272k_tokens_priority": 4.5e-05, "output_cost_per_token_flex": 7.5e-06,
            "output_cost_per_token_priority": 3e-05},
"claude-sonnet-4-5": {"cache_creation_input_token_cost": 3.75e-06,
            "cache_creation_input_token_cost_above_1hr": 6e-06,
            "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
            "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06,
            "cache_read_input_token_cost": 3e-07, "cache_read_input_token_cost_above_200k_tokens": 6e-07,
            "input_cost_per_token": 3e-06, "input_cost_per_token_above_200k_tokens": 6e-06,
            "output_cost_per_token": 1.5e-05, "output_cost_per_token_above_200k_tokens": 2.25e-05,
            "search_context_cost_per_query": {"search_context_size_high": 0.01, "search_context_size_low": 0.01,
                                              "search_context_size_medium": 0.01}},
"gemini-2.5-pro": {"cache_read_input_token_cost": 1.25e-07, "cache_read_input_token_cost_above_200k_tokens": 2.5e-07,
            "input_cost_per_token": 1.25e-06, "input_cost_per_token_above_200k_tokens": 2.5e-06,
            "output_cost_per_token": 1e-05, "output_cost_per_token_above_200k_tokens": 1.5e-05},
"gemini-2.5-flash": {"cache_read_input_audio_token_cost": 1e-07, "cache_read_input_token_cost": 3e-08,
            "input_cost_per_audio_token": 1e-06, "input_cost_per_token": 3e-07,
            "output_cost_per_reasoning_token": 2.5e-06, "output_cost_per_token": 2.5e-06},
"gpt-4o-audio-preview": {"input_cost_per_audio_token": 4e-05, "input_cost_per_token": 2.5e-06,
            "output_cost_per_audio_token": 8e-05, "output_cost_per_token": 1e-05},
"qwen3-max": {"litellm_provider": "dashscope", "output_cost_per_token": 99, "tiered_pricing": [
            {"input_cost_per_token": 1.2e-06, "output_cost_per_token": 6e-06, "range": [0, 32000.0]},
            {"input_cost_per_token": 2.4e-06, "output_cost_per_token": 1.2e-05, "range": [32000.0, 128000.0]},
            {"input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05, "range": [128000.0, 252000.0]}]},
"qwen-plus": {"input_cost_per_token": 4e-07, "output_cost_per_reasoning_token": 4e-06,
            "output_cost_per_token": 1.2e-06},
"grok-4-fast": {"cache_read_input_token_cost": 5e-08, "input_cost_per_token": 2e-07,
            "input_cost_per_token_above_128k_tokens": 4e-07, "litellm_provider": "xai",
            "output_cost_per_token": 5e-07, "output_cost_per_token_above_128k_tokens": 1e-06},
"deepseek-v4-flash": {"cache_creation_input_token_cost": 0.0, "input_cost_per_token": 1.4e-07,
            "input_cost_per_token_cache_hit": 2.8e-09, "output_cost_per_token": 2.8e-07},
"text-embedding-3-small": {"input_cost_per_token": 2e-08, "output_cost_per_token": 0.0, "output_vector_size": 1536},
"sonar-deep": {"citation_cost_per_token": 2e-06, "input_cost_per_request": 5e-03, "input_cost_per_token": "2e-06",
            "output_cost_per_reasoning_token": 3e-06, "output_cost_per_token": 8e-06,
            "search_context_cost_per_query": {"search_context_size_low": 0.005}},
"gpt-image-1": {"cache_read_input_token_cost": 1.25e-06, "input_cost_per_image_token": 1e-05,
            "input_cost_per_token": 5e-06, "output_cost_per_image_token": 4e-05, "output_cost_per_token": 4e-05},
"fractions": {"cache_read_input_token_cost": 1e-12, "input_cost_per_token": 1.2500000000000002e-10,
            "output_cost_per_reasoning_token": 7.000000000000001e-10, "output_cost_per_token": 3.33e-10}
})";

PriceBook book()
{
    PriceBook b;
    std::string why;
    EXPECT_TRUE(b.add(kFile, why)) << why;
    return b;
}

std::optional<int64_t> nanos(std::optional<Money> m)
{
    return m ? std::optional(m->nanos()) : std::nullopt;
}

std::optional<int64_t> cost_of(const PriceBook& b, std::string_view model, const Usage& u)
{
    return nanos(policy::cost(b.find({}, {}, model), u));
}

TEST(Prices, OfRequests)
{
    PriceBook b = book();
    size_t n = 0;
    for (const PricedRequest& row : kPricedRequests) {
        EXPECT_EQ(cost_of(b, row.model, row.usage), row.nanos) << "row " << n << ": " << row.model;
        n++;
    }
    EXPECT_GE(n, 200U);
}

TEST(Prices, OfWhatIsNoModel)
{
    PriceBook b = book();
    EXPECT_EQ(b.models(), 14U);
    EXPECT_TRUE(b.find({}, {}, "sample_spec").empty());
    EXPECT_TRUE(b.find({}, {}, "fallback_generalizations").empty());
    EXPECT_TRUE(b.find({}, {}, "").empty());
}

// Where tokens were counted that have no price there is no cost at all.
TEST(Prices, AreMissing)
{
    PriceBook b;
    std::string why;
    ASSERT_TRUE(b.add(R"({"in": {"input_cost_per_token": 1e-6}, "out": {"output_cost_per_token": 1e-6}})", why));
    EXPECT_EQ(cost_of(b, "in", {.prompt = 5}), 5000);
    EXPECT_EQ(cost_of(b, "in", {.prompt = 5, .completion = 1}), std::nullopt);
    EXPECT_EQ(cost_of(b, "out", {.prompt = 1, .completion = 1}), std::nullopt);
    EXPECT_EQ(cost_of(b, "other", {}), std::nullopt);
}

// A file with the same price for everything: then no token may count twice and
// none may be left out.
TEST(Prices, CountEveryTokenOnce)
{
    Rates none;
    std::vector<policy::Rate> same;
    for (uint8_t u = 0; u < static_cast<uint8_t>(policy::Unit::search); u++) {
        if (static_cast<policy::Unit>(u) == policy::Unit::citation) continue;
        same.push_back({chat::Money::kPicoPerNano, 0, static_cast<policy::Unit>(u), chat::ServiceTier::standard});
    }
    uint32_t random = 1;
    auto next = [&](uint32_t most) {
        random = random * 1664525 + 1013904223;
        return static_cast<int64_t>((random >> 8) % (most + 1));
    };
    int wrong = 0;
    for (int i = 0; i < 20000; i++) {
        Usage u;
        for (int64_t* n :
             {&u.prompt, &u.completion, &u.cache_read, &u.cache_write, &u.cache_write_1h, &u.reasoning, &u.audio_prompt,
              &u.audio_cache_read, &u.image_prompt, &u.audio_completion, &u.image_completion}) {
            *n = next(20) - 2;
        }
        Usage mended = u;
        mended.mend();
        EXPECT_TRUE(Usage(mended).mend());
        EXPECT_GE(mended.prompt, mended.cache_read + mended.cache_write);
        EXPECT_GE(mended.completion, mended.reasoning + mended.audio_completion + mended.image_completion);
        wrong += nanos(policy::cost(same, u)) != mended.total();
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(policy::cost(none, {}), std::nullopt);
}

TEST(UsageParts, AreMended)
{
    struct Row {
        std::string_view name;
        Usage given, mended;
        bool good;
    };
    const Row rows[] = {
        {"all is well",
         {.prompt = 10, .completion = 5, .cache_read = 4, .cache_write = 6, .reasoning = 5},
         {.prompt = 10, .completion = 5, .cache_read = 4, .cache_write = 6, .reasoning = 5},
         true},
        {"cached tokens beside the prompt", {.prompt = 10, .cache_read = 30}, {.prompt = 40, .cache_read = 30}, false},
        {"reasoning beside the completion",
         {.completion = 26, .reasoning = 196},
         {.completion = 222, .reasoning = 196},
         false},
        {"an hour's share above the whole",
         {.prompt = 9, .cache_write = 3, .cache_write_1h = 4},
         {.prompt = 9, .cache_write = 3, .cache_write_1h = 3},
         false},
        {"negative", {.prompt = -1, .completion = 2, .cache_read = -5}, {.completion = 2}, false},
        {"cached audio that nobody told of",
         {.prompt = 10, .cache_read = 8, .audio_prompt = 6},
         {.prompt = 10, .cache_read = 8, .audio_prompt = 6, .audio_cache_read = 4},
         true},
        {"cached images",
         {.prompt = 10, .cache_read = 8, .image_prompt = 6},
         {.prompt = 10, .cache_read = 8, .image_prompt = 2},
         true},
        {"more audio than answer",
         {.completion = 3, .audio_completion = 5},
         {.completion = 3, .audio_completion = 3},
         false},
    };
    for (const Row& row : rows) {
        Usage u = row.given;
        EXPECT_EQ(u.mend(), row.good) << row.name;
        EXPECT_EQ(u.prompt, row.mended.prompt) << row.name;
        EXPECT_EQ(u.completion, row.mended.completion) << row.name;
        EXPECT_EQ(u.cache_read, row.mended.cache_read) << row.name;
        EXPECT_EQ(u.cache_write_1h, row.mended.cache_write_1h) << row.name;
        EXPECT_EQ(u.audio_prompt, row.mended.audio_prompt) << row.name;
        EXPECT_EQ(u.audio_cache_read, row.mended.audio_cache_read) << row.name;
        EXPECT_EQ(u.image_prompt, row.mended.image_prompt) << row.name;
        EXPECT_EQ(u.audio_completion, row.mended.audio_completion) << row.name;
    }
}

TEST(Prices, ByTheNamesOfModels)
{
    PriceBook b;
    std::string why;
    auto entry = [](std::string_view name, int price) {
        return '"' + std::string(name) + R"(": {"input_cost_per_token": )" + std::to_string(price) + "e-9}";
    };
    std::string text = "{" + entry("gpt-4o", 1) + "," + entry("gpt-4o-2024-05-13", 2) + "," +
                       entry("openai/gpt-4o-custom", 3) + "," + entry("groq/openai/gpt-oss-20b", 4) + "," +
                       entry("claude-opus-4-20250101", 5) + "," + entry("claude-opus-4-20250514", 6) + "," +
                       entry("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 7) + "," + entry("claude-sonnet-4-5", 8) +
                       "," + entry("gemini/gemini-2.5-pro", 9) + "," + entry("gemini-2.5-pro", 10) + "," +
                       entry("amazon.nova-pro-v1:0", 11) + "," + entry("ft:gpt-4o-2024-08-06", 12) + "," +
                       entry("vertex_ai/claude-haiku-4-5@20251001", 13) + "," +
                       entry("mistral/mistral-large-latest", 14) + "," + entry("command-r-7b", 15) + "}";
    ASSERT_TRUE(b.add(text, why)) << why;
    struct Row {
        std::string_view provider, type, model;
        int64_t price;  // 0: none
    };
    const Row rows[] = {
        {"x", "openai", "gpt-4o", 1},
        {"x", "openai", "gpt-4o-2024-08-06", 1},
        {"x", "openai", "gpt-4o-2024-05-13", 2},
        {"x", "openai", "openai/gpt-4o", 1},
        {"x", "openai", "gpt-4o-custom", 3},
        {"openai", "other", "gpt-4o-custom", 3},
        {"x", "other", "gpt-4o-custom", 0},
        {"x", "openai", "gpt-4o-mini", 0},
        {"groq", "openai", "openai/gpt-oss-20b", 4},
        {"x", "groq", "openai/gpt-oss-20b", 4},
        {"x", "anthropic", "claude-opus-4", 6},
        {"x", "anthropic", "claude-opus-4-latest", 6},
        {"x", "anthropic", "claude-opus-4-20250101", 5},
        {"x", "vertex", "claude-opus-4@20250101", 5},
        {"x", "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 7},
        {"x", "bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", 8},
        {"x", "bedrock", "anthropic.claude-sonnet-4-5-v1:0", 8},
        {"x", "vertex", "claude-sonnet-4-5@20250929", 8},
        {"x", "gemini", "gemini-2.5-pro", 9},
        {"x", "gemini", "models/gemini-2.5-pro", 9},
        {"x", "gemini_openai", "gemini-2.5-pro", 9},
        {"gemini", "gemini", "gemini-2.5-pro", 9},
        {"x", "vertex", "publishers/google/models/gemini-2.5-pro", 10},
        {"x", "bedrock", "amazon.nova-pro-v1:0", 11},
        {"x", "bedrock", "us.amazon.nova-pro-v1:0", 11},
        {"x", "openai", "ft:gpt-4o-2024-08-06:org::id", 12},
        {"x", "openai", "ft:gpt-4o:org::id", 12},
        {"x", "vertex", "claude-haiku-4-5", 13},
        {"x", "mistral", "mistral-large", 14},
        {"x", "cohere", "command-r-7b-12-2024", 0},
        {"x", "openai", "gpt-4o-20990", 0},
        {"x", "openai", "gpt-4o-30001231", 0},
        {"x", "openai", "GPT-4o", 0},
        {"", "", "/", 0},
        {"", "", "models/", 0},
    };
    for (const Row& row : rows) {
        Rates rates = b.find(row.provider, row.type, row.model);
        EXPECT_EQ(rates.empty() ? 0 : rates.front().picos / 1000, row.price)
            << row.provider << " (" << row.type << ") " << row.model;
    }
}

TEST(Prices, ComeFromSeveralFiles)
{
    PriceBook b;
    std::string why;
    ASSERT_TRUE(b.add(R"({"a": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
                          "b": {"input_cost_per_token": 1e-6}})",
                      why));
    ASSERT_TRUE(b.add(R"({"a": {"input_cost_per_token": 3e-6}})", why));
    EXPECT_EQ(cost_of(b, "a", {.prompt = 1}), 3000);
    EXPECT_EQ(cost_of(b, "a", {.completion = 1}), std::nullopt);
    EXPECT_EQ(cost_of(b, "b", {.prompt = 1}), 1000);
}

TEST(Prices, OfBrokenFiles)
{
    PriceBook b;
    std::string why;
    ASSERT_TRUE(b.add(R"({"a": {"input_cost_per_token": 1e-6}})", why));
    const std::string_view broken[] = {
        "",
        "{",
        "[]",
        "7",
        "{}",
        R"({"sample_spec": {"input_cost_per_token": 1}})",
        R"({"a": {"mode": "chat"}})",
        R"({"a": {"input_cost_per_token": -1}})",
        R"({"a": {"input_cost_per_token": true}})",
        R"({"a": {"input_cost_per_token": 1e-6})",
        R"({"a": {"input_cost_per_token": "free"}})",
        R"({"a": {"input_cost_per_token": 1e6}})",
    };
    for (std::string_view text : broken) {
        why.clear();
        EXPECT_FALSE(b.add(text, why)) << text;
        EXPECT_FALSE(why.empty()) << text;
    }
    EXPECT_EQ(cost_of(b, "a", {.prompt = 1}), 1000);
}

TEST(Prices, InTheConfiguration)
{
    auto picos = [](std::string_view name, std::string_view text) {
        std::optional<policy::Rate> r = policy::named_rate(name, text);
        return r ? r->picos : -1;
    };
    EXPECT_EQ(picos("input", "2.5"), 2'500'000);
    EXPECT_EQ(picos("cache_write_1h", "0"), 0);
    EXPECT_EQ(picos("output", "0.0000005"), 1);
    EXPECT_EQ(picos("output", "-1"), -1);
    EXPECT_EQ(picos("output", ""), -1);
    EXPECT_EQ(picos("nothing", "1"), -1);
}

// Ours, in conf/, is read as any other.
TEST(Prices, OfOurOwnFile)
{
    PriceBook b;
    std::string why;
    ASSERT_TRUE(b.add(read_file(fs::path(__FILE__).parent_path() / "../../conf/llm_prices.json"), why)) << why;
    EXPECT_GE(b.models(), 30U);
    EXPECT_EQ(nanos(policy::estimate(b.find("openai", "openai", "gpt-4o-mini"), 1000, 1000)), 750'000);
    EXPECT_EQ(nanos(policy::estimate(b.find("anthropic", "anthropic", "claude-haiku-4-5"), 1000, 1000)), 6'000'000);
}

}  // namespace

}  // namespace llm::test
