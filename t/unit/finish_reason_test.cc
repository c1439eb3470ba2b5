// Finish reasons of OpenAI's look-alikes (wire format: openai-family): what the
// gateway takes them for. A client of the same format sees them as they came.
#include <gtest/gtest.h>

#include "exchange.hpp"
#include "providers/provider.hpp"

namespace llm::test {

namespace {

using chat::FinishReason;

struct Row {
    std::string word;
    FinishReason reason;  // none: the provider failed
};

const Row kRows[] = {
    {"stop", FinishReason::stop},
    {"length", FinishReason::length},
    {"model_length", FinishReason::length},
    {"model_context_window_exceeded", FinishReason::length},
    {"tool_calls", FinishReason::tool_calls},
    {"function_call", FinishReason::tool_calls},
    {"content_filter", FinishReason::content_filter},
    {"sensitive", FinishReason::content_filter},
    {"eos", FinishReason::stop},
    {"error", FinishReason::none},
    {"network_error", FinishReason::none},
    {"insufficient_system_resource", FinishReason::none},
};

std::string choice(const Row& row, std::string_view member)
{
    return R"({"id":"a","model":"m","choices":[{"index":0,")" + std::string(member) +
           R"(":{"role":"assistant","content":"Hi"},"finish_reason":")" + row.word + R"("}]})";
}

relay::Options openai()
{
    relay::Options o;
    o.dialect = providers::find("openai")->chat.dialect;
    return o;
}

TEST(FinishReason, WholeAnswer)
{
    for (const Row& row : kRows) {
        Rope out;
        relay::Seen seen;
        std::string body = choice(row, "message");
        bool good = relay::relay_answer(body, openai(), out, seen);
        EXPECT_EQ(good, row.reason != FinishReason::none) << row.word;
        EXPECT_EQ(seen.finish, row.reason) << row.word;
        EXPECT_EQ(out.str(), good ? body : "") << row.word;
    }
}

TEST(FinishReason, Stream)
{
    for (const Row& row : kRows) {
        relay::Seen seen;
        std::string event = "data: " + choice(row, "delta") + "\n\n";
        std::string client = stream_in_pieces(openai(), event + "data: [DONE]\n\n", 0, seen);
        EXPECT_EQ(seen.error.set(), row.reason == FinishReason::none) << row.word;
        EXPECT_EQ(seen.finish, row.reason) << row.word;
        EXPECT_EQ(client.starts_with(event), row.reason != FinishReason::none) << row.word;
    }
}

}  // namespace

}  // namespace llm::test
