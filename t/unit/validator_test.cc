// What is wrong with answers that could be read.
#include "relay/validator.hpp"

#include <gtest/gtest.h>

#include "dialects/anthropic/anthropic.hpp"
#include "dialects/openai/openai.hpp"
#include "relay/relay.hpp"
#include "relay/stream.hpp"

namespace llm::test {

namespace {

using relay::Flaw;

struct Row {
    std::string_view name;
    bool json;
    std::string_view message;  // of the only choice
    std::string_view finish;
    Flaw flaw;
    std::string_view place = {};
};

constexpr std::string_view kCall = R"({"id":"c","type":"function","function":{"name":"f","arguments":)";

std::string calls(std::string_view first, std::string_view second = {})
{
    std::string out = R"({"content":null,"tool_calls":[)" + std::string(kCall) + std::string(first) + "}}";
    if (!second.empty()) out += "," + std::string(kCall) + std::string(second) + "}}";
    return out + "]}";
}

const std::string kGood = calls(R"("{\"a\":1}")");
const std::string kNothing = calls(R"("")");
const std::string kCut = calls(R"("{\"a\":")");
const std::string kText = calls(R"("Paris")");
const std::string kArray = calls(R"("[1]")");
const std::string kSecond = calls(R"("{}")", R"("{'a':1}")");

const Row kRows[] = {
    {"text", false, R"({"content":"Hi"})", "stop", Flaw::none},
    {"nothing", false, R"({"content":""})", "stop", Flaw::empty, "choices[0].message"},
    {"null", false, R"({"content":null})", "stop", Flaw::empty, "choices[0].message"},
    {"nothing, cut off", false, R"({"content":""})", "length", Flaw::none},
    {"nothing, filtered", false, R"({"content":""})", "content_filter", Flaw::none},
    {"a refusal", false, R"({"content":null,"refusal":"No."})", "stop", Flaw::none},
    {"reasoning alone", false, R"({"content":"","reasoning_content":"Hm"})", "stop", Flaw::none},
    {"good arguments", false, kGood, "tool_calls", Flaw::none},
    {"no arguments", false, kNothing, "tool_calls", Flaw::none},
    {"arguments cut off", false, kCut, "tool_calls", Flaw::tool_arguments,
     "choices[0].message.tool_calls[0].function.arguments"},
    {"arguments cut off, and it says so", false, kCut, "length", Flaw::none},
    {"arguments that are text", false, kText, "tool_calls", Flaw::tool_arguments,
     "choices[0].message.tool_calls[0].function.arguments"},
    {"arguments that are no object", false, kArray, "tool_calls", Flaw::tool_arguments,
     "choices[0].message.tool_calls[0].function.arguments"},
    {"the second call's", false, kSecond, "tool_calls", Flaw::tool_arguments,
     "choices[0].message.tool_calls[1].function.arguments"},
    {"JSON", true, R"({"content":"{\"a\":\"\\u00e4\"}"})", "stop", Flaw::none},
    {"JSON in a fence", true, R"({"content":"```json\n{}\n```"})", "stop", Flaw::not_json,
     "choices[0].message.content"},
    {"text for JSON", true, R"({"content":"Sure!"})", "stop", Flaw::not_json, "choices[0].message.content"},
    {"text where any will do", false, R"({"content":"Sure!"})", "stop", Flaw::none},
    {"half of JSON", true, R"({"content":"{\"a\":"})", "stop", Flaw::not_json, "choices[0].message.content"},
    {"half of JSON, and it says so", true, R"({"content":"{\"a\":"})", "length", Flaw::none},
    {"a refusal for JSON", true, R"({"content":null,"refusal":"No."})", "stop", Flaw::none},
    {"a call for JSON", true, kGood, "tool_calls", Flaw::none},
};

relay::Options options(bool json)
{
    relay::Options o;
    o.dialect = &openai::kDialect;
    o.validate = true;
    o.wants_json = json;
    return o;
}

TEST(Validator, JudgesWholeAnswers)
{
    for (const Row& row : kRows) {
        std::string body = R"({"id":"x","model":"m","choices":[{"index":0,"message":)" + std::string(row.message) +
                           R"(,"finish_reason":")" + std::string(row.finish) + "\"}]}";
        Rope out;
        relay::Seen seen;
        ASSERT_TRUE(relay::relay_answer(body, options(row.json), out, seen)) << row.name;
        EXPECT_EQ(seen.flaw, row.flaw) << row.name;
        EXPECT_EQ(seen.place, row.place) << row.name;
    }
}

// The same in pieces: texts are cut into deltas of two bytes.
TEST(Validator, JudgesStreams)
{
    for (const Row& row : kRows) {
        std::string body;
        json::Document doc;
        ASSERT_TRUE(doc.parse(row.message, json::Mode::strict).ok());
        auto chunk = [&](const std::string& delta, std::string_view finish) {
            body += R"(data: {"id":"x","model":"m","choices":[{"index":0,"delta":)" + delta + R"(,"finish_reason":)" +
                    (finish.empty() ? "null" : '"' + std::string(finish) + '"') + "}]}\n\n";
        };
        for (const json::Value& member : doc.root()) {
            std::string name(member.key());
            if (member.is_string()) {
                std::string text = member.text();
                for (size_t i = 0; i < text.size(); i++) {
                    // Bytes beyond ASCII stay together in the source's escapes.
                    chunk("{\"" + name + "\":" + json::quoted(text.substr(i, 1)) + "}", {});
                }
            } else if (member.is_array()) {
                uint32_t index = 0;
                for (const json::Value& call : member) {
                    std::string at = R"({"tool_calls":[{"index":)" + std::to_string(index++);
                    chunk(at + R"(,"id":"c","function":{"name":"f","arguments":""}}]})", {});
                    std::string args = call.get("function")->get("arguments")->text();
                    for (char c : args) {
                        chunk(at + R"(,"function":{"arguments":)" + json::quoted({&c, 1}) + "}}]}", {});
                    }
                }
            }
        }
        chunk("{}", row.finish);
        body += "data: [DONE]\n\n";
        relay::Stream stream(options(row.json));
        Rope out;
        ASSERT_TRUE(stream.feed(body, out).ok()) << row.name;
        ASSERT_TRUE(stream.seen().complete) << row.name;
        EXPECT_EQ(stream.seen().flaw, row.flaw) << row.name;
        EXPECT_EQ(stream.seen().place, row.place) << row.name;
    }
}

// A provider's object is JSON already.
TEST(Validator, TrustsObjects)
{
    std::string_view body = R"({"id":"x","type":"message","model":"m","content":[{"type":"tool_use","id":"t",
        "name":"f","input":{"a":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}})";
    relay::Options o = options(false);
    o.dialect = &anthropic::kDialect;
    Rope out;
    relay::Seen seen;
    ASSERT_TRUE(relay::relay_answer(body, o, out, seen));
    EXPECT_EQ(seen.flaw, Flaw::none);
}

TEST(Validator, LooksOnlyWhenTold)
{
    relay::Options o = options(true);
    o.validate = false;
    Rope out;
    relay::Seen seen;
    std::string_view body = R"({"choices":[{"message":{"content":"Sure!"},"finish_reason":"stop"}]})";
    ASSERT_TRUE(relay::relay_answer(body, o, out, seen));
    EXPECT_EQ(seen.flaw, Flaw::none);
}

}  // namespace

}  // namespace llm::test
