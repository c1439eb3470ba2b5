// Answers with nothing in them: whole or streamed, the verdict is the same, so
// that another target can be asked.
#include <gtest/gtest.h>

#include "exchange.hpp"
#include "providers/provider.hpp"

namespace llm::test {

namespace {

struct Row {
    std::string provider;
    std::string body;    // a whole answer
    std::string stream;  // the same, of events that end with a line each
    bool content;
};

std::string anthropic(std::string_view content, std::string_view reason)
{
    return R"({"id":"m","type":"message","model":"m","content":[)" + std::string(content) + R"(],"stop_reason":")" +
           std::string(reason) + R"("})";
}

std::string anthropic_stream(std::string_view block, std::string_view reason)
{
    std::string out = "{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"m\"}}\n";
    if (!block.empty()) out += R"({"type":"content_block_start","content_block":)" + std::string(block) + "}\n";
    return out + R"({"type":"message_delta","delta":{"stop_reason":")" + std::string(reason) + "\"}}\n" +
           "{\"type\":\"message_stop\"}\n";
}

Row of_anthropic(std::string_view block, std::string_view reason, bool content)
{
    return {"anthropic", anthropic(block, reason), anthropic_stream(block, reason), content};
}

// A whole answer is one fragment.
Row of_gemini(std::string_view parts, std::string_view reason, bool content)
{
    std::string answer = R"({"candidates":[{"content":{"parts":[)" + std::string(parts) + R"(]},"finishReason":")" +
                         std::string(reason) + R"("}],"responseId":"r"})";
    return {"gemini", answer, answer + '\n', content};
}

Row of_openai(std::string_view message, std::string_view reason, bool content)
{
    auto choice = [&](std::string_view name) {
        return R"({"id":"a","model":"m","choices":[{"index":0,")" + std::string(name) + "\":" + std::string(message) +
               R"(,"finish_reason":")" + std::string(reason) + "\"}]}";
    };
    return {"openai", choice("message"), choice("delta") + "\n[DONE]\n", content};
}

const Row kRows[] = {
    of_anthropic("", "end_turn", false),
    of_anthropic("", "max_tokens", true),
    of_anthropic("", "refusal", true),
    of_anthropic(R"({"type":"text","text":""})", "end_turn", false),
    of_anthropic(R"({"type":"server_tool_use","id":"s","name":"web_search","input":{}})", "end_turn", false),
    of_anthropic(R"({"type":"text","text":"Hi"})", "end_turn", true),
    of_anthropic(R"({"type":"tool_use","id":"t","name":"f","input":{}})", "tool_use", true),
    of_gemini("", "STOP", false),
    of_gemini("", "MAX_TOKENS", true),
    of_gemini("", "SAFETY", true),
    of_gemini(R"({"text":""})", "STOP", false),
    of_gemini(R"({"text":"","thoughtSignature":"QQ=="})", "STOP", false),
    of_gemini(R"({"executableCode":{"code":"1"}})", "STOP", false),
    of_gemini(R"({"text":"Hi"})", "STOP", true),
    of_gemini(R"({"functionCall":{"name":"f"}})", "STOP", true),
    {"openai", R"({"id":"a","model":"m","choices":[]})", "{\"id\":\"a\",\"model\":\"m\",\"choices\":[]}\n[DONE]\n",
     false},
    of_openai(R"({"role":"assistant","content":""})", "stop", false),
    of_openai(R"({"role":"assistant","content":null})", "stop", false),
    of_openai(R"({"role":"assistant","content":""})", "length", true),
    of_openai(R"({"role":"assistant","content":"Hi"})", "stop", true),
};

std::string framed(std::string_view lines)
{
    std::string out;
    for (size_t end; (end = lines.find('\n')) != lines.npos; lines.remove_prefix(end + 1)) {
        out += "data: " + std::string(lines.substr(0, end)) + "\n\n";
    }
    return out;
}

TEST(EmptyAnswer, SameVerdictWholeAndStreamed)
{
    for (const Row& row : kRows) {
        relay::Options o;
        o.dialect = providers::find(row.provider)->chat.dialect;
        Rope out;
        relay::Seen whole, streamed;
        EXPECT_TRUE(relay::relay_answer(row.body, o, out, whole)) << row.body;
        stream_in_pieces(o, framed(row.stream), 0, streamed);
        EXPECT_TRUE(whole.complete && streamed.complete) << row.body;
        EXPECT_EQ(whole.content, row.content) << row.body;
        EXPECT_EQ(streamed.content, row.content) << row.stream;
    }
}

}  // namespace

}  // namespace llm::test
