// Token counts as providers of OpenAI's format tell them.
#include "chat/usage.hpp"

#include <gtest/gtest.h>

#include "dialects/openai/openai.hpp"
#include "json/document.hpp"
#include "relay/stream.hpp"

namespace llm::test {

namespace {

using chat::Usage;

TEST(Usage, IsReadFromEverySpelling)
{
    struct Row {
        std::string_view name, text;
        Usage usage;
    };
    const Row rows[] = {
        {"OpenAI",
         R"({"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
             "prompt_tokens_details":{"cached_tokens":30,"audio_tokens":20},
             "completion_tokens_details":{"reasoning_tokens":10,"audio_tokens":5}})",
         {.prompt = 100,
          .completion = 50,
          .cache_read = 30,
          .reasoning = 10,
          .audio_prompt = 20,
          .audio_completion = 5}},
        {"Moonshot",
         R"({"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,"cached_tokens":7})",
         {.prompt = 9, .completion = 1, .cache_read = 7}},
        {"DeepSeek",
         R"({"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,"prompt_cache_hit_tokens":6,
             "prompt_cache_miss_tokens":3})",
         {.prompt = 9, .completion = 1, .cache_read = 6}},
        {"DeepSeek, who tells it twice",
         R"({"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":6},
             "prompt_cache_hit_tokens":6})",
         {.prompt = 9, .completion = 1, .cache_read = 6}},
        {"xAI, reasoning apart",
         R"({"prompt_tokens":291,"completion_tokens":26,"total_tokens":513,
             "completion_tokens_details":{"reasoning_tokens":196}})",
         {.prompt = 291, .completion = 222, .reasoning = 196}},
        {"reasoning apart, and the total does not tell",
         R"({"prompt_tokens":10,"completion_tokens":26,"total_tokens":36,
             "completion_tokens_details":{"reasoning_tokens":196}})",
         {.prompt = 10, .completion = 222, .reasoning = 196}},
        {"Perplexity",
         R"({"prompt_tokens":10,"completion_tokens":26,"total_tokens":36,"reasoning_tokens":6,
             "citation_tokens":500,"num_search_queries":3})",
         {.prompt = 10, .completion = 26, .reasoning = 6, .citations = 500, .searches = 3}},
        {"nonsense",
         R"({"prompt_tokens":-1,"completion_tokens":"5","prompt_tokens_details":[1],
             "cached_tokens":99999999999})",
         {}},
        {"nothing", "{}", {}},
    };
    for (const Row& row : rows) {
        json::Document doc;
        ASSERT_TRUE(doc.parse(row.text, json::Mode::liberal).ok()) << row.name;
        Usage u = openai::read_usage(doc.root());
        EXPECT_TRUE(u.known) << row.name;
        for (auto count : {&Usage::prompt, &Usage::completion, &Usage::cache_read, &Usage::cache_write,
                           &Usage::reasoning, &Usage::audio_prompt, &Usage::image_prompt, &Usage::audio_completion,
                           &Usage::image_completion, &Usage::citations, &Usage::searches}) {
            EXPECT_EQ(u.*count, row.usage.*count) << row.name;
        }
        EXPECT_TRUE(u.mend()) << row.name;
    }
}

// A nano-dollar for each token; the tier is told in place of it.
struct ByToken final : chat::Pricer {
    std::optional<chat::Money> cost(const Usage& u) const override
    {
        if (u.tier == chat::ServiceTier::flex) return std::nullopt;
        return chat::Money::nano(u.total());
    }
};

std::string priced(std::string_view usage_chunk, bool include_usage, size_t piece)
{
    ByToken pricer;
    relay::Options options;
    options.dialect = &openai::kDialect;
    options.answer.include_usage = include_usage;
    options.pricer = &pricer;
    relay::Stream stream(options);
    Rope out;
    std::string body = R"(data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]})"
                       "\n\n"
                       R"(data: {"id":"a","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"
                       "\n\ndata: " +
                       std::string(usage_chunk) + "\n\ndata: [DONE]\n\n";
    for (size_t at = 0; at < body.size(); at += piece) {
        EXPECT_TRUE(stream.feed(std::string_view(body).substr(at, piece), out).ok());
    }
    std::string all = out.str();
    size_t usage = all.find("\"usage\"");
    return usage == all.npos ? std::string() : all.substr(usage, all.find("\n\n", usage) - usage);
}

TEST(Usage, OfAStreamTellsItsCost)
{
    constexpr std::string_view kChunk =
        R"({"id":"a","model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}})";
    constexpr std::string_view kTold = R"("usage":{"prompt_tokens":3,"completion_tokens":4,"cost":0.000000007}})";
    for (size_t piece = 1; piece < 32; piece++) EXPECT_EQ(priced(kChunk, true, piece), kTold);
    EXPECT_EQ(priced(kChunk, false, 1000), "");
    // Who has a cost of its own knows better; who has no price, nothing.
    EXPECT_EQ(priced(R"({"id":"a","model":"m","choices":[],"usage":{"prompt_tokens":3,"cost":1}})", true, 1000),
              R"("usage":{"prompt_tokens":3,"cost":1}})");
    EXPECT_EQ(
        priced(R"({"id":"a","model":"m","service_tier":"flex","choices":[],"usage":{"prompt_tokens":3}})", true, 9),
        R"("usage":{"prompt_tokens":3}})");
    EXPECT_EQ(priced(R"({"id":"a","model":"m","choices":[],"usage":{}})", true, 9), R"("usage":{}})");
}

}  // namespace

}  // namespace llm::test
