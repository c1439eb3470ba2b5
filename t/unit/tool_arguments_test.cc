// llm_max_tool_arguments, in every place where arguments can come.
#include <gtest/gtest.h>

#include "exchange.hpp"
#include "providers/provider.hpp"

namespace llm::test {

namespace {

constexpr size_t kMax = 40;

// {"a":"xx..."} of `size` bytes.
std::string arguments(size_t size)
{
    return R"({"a":")" + std::string(size - 8, 'x') + R"("})";
}

std::string in_string(std::string_view json)
{
    std::string out = "\"";
    for (char c : json) out += c == '"' ? std::string("\\\"") : std::string(1, c);
    return out + '"';
}

relay::Options options(std::string_view provider, std::string_view json_tool)
{
    relay::Options o;
    o.dialect = providers::find(provider)->chat.dialect;
    o.decode.max_tool_arguments = kMax;
    o.decode.hints.json_tool = json_tool;
    return o;
}

std::string whole(const std::string& args)
{
    return R"({"id":"m","type":"message","model":"m","stop_reason":"tool_use","content":[)"
           R"({"type":"tool_use","id":"t","name":"f","input":)" +
           args + "}]}";
}

std::string begin(const std::string& input)
{
    return R"(data: {"type":"message_start","message":{"id":"m","model":"m"}})"
           "\n\n"
           R"(data: {"type":"content_block_start","content_block":{"type":"tool_use","id":"t","name":"f","input":)" +
           input + "}}\n\n";
}

std::string piece(const std::string& args)
{
    return R"(data: {"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":)" +
           in_string(args) + "}}\n\n";
}

constexpr std::string_view kEnd =
    "data: {\"type\":\"content_block_stop\"}\n\n"
    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"}}\n\n"
    "data: {\"type\":\"message_stop\"}\n\n";

// Both for a call of the client's tools and for the one that stands for a
// JSON answer.
TEST(ToolArguments, AnthropicWhole)
{
    for (std::string_view json_tool : {"", "f"}) {
        for (size_t over : {0U, 1U}) {
            Rope out;
            relay::Seen seen;
            std::string body = whole(arguments(kMax + over));
            EXPECT_EQ(relay::relay_answer(body, options("anthropic", json_tool), out, seen), over == 0) << json_tool;
            EXPECT_EQ(seen.error.kind == chat::ErrorClass::protocol, over != 0) << json_tool;
        }
    }
}

TEST(ToolArguments, AnthropicStream)
{
    for (std::string_view json_tool : {"", "f"}) {
        for (size_t over : {0U, 1U}) {
            std::string at_once = begin(arguments(kMax + over)) + std::string(kEnd);
            relay::Seen seen;
            stream_in_pieces(options("anthropic", json_tool), at_once, 0, seen);
            EXPECT_EQ(seen.complete, over == 0) << json_tool;

            // In pieces it is their text as it is escaped that counts.
            std::string args(kMax + over, '1');
            std::string pieces = begin("{}") + piece(args.substr(0, 20)) + piece(args.substr(20)) + std::string(kEnd);
            stream_in_pieces(options("anthropic", json_tool), pieces, 0, seen);
            EXPECT_EQ(seen.complete, over == 0) << json_tool;
        }
    }
}

}  // namespace

}  // namespace llm::test
