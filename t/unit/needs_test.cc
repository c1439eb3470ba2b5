// What a request needs, how long it is, and which targets can carry it.
#include "policy/needs.hpp"

#include <gtest/gtest.h>

#include "client/completions/completions.hpp"
#include "policy/tokens.hpp"

namespace llm::test {

namespace {

using chat::Need;
using chat::Needs;
using policy::Demand;
using policy::Offer;

struct Read {
    explicit Read(std::string members) : body(R"({"model":"m",)" + members + '}')
    {
        chat::ApiError error;
        EXPECT_TRUE(completions::read_request(body, {}, request, error)) << body << ": " << error.message;
    }
    std::string body;
    chat::Request request;
};

std::string user(std::string_view content)
{
    return R"("messages":[{"role":"user","content":)" + std::string(content) + "}]";
}
std::string part(std::string_view json)
{
    return user('[' + std::string(json) + ']');
}

const std::string kHi = user(R"("Hi")");
const std::string kTool = R"({"type":"function","function":{"name":"look","parameters":{"type":"object"}}})";

struct Row {
    std::string members;
    Needs needs;
};

const Row kRows[] = {
    {kHi, {}},
    {part(R"({"type":"text","text":"Hi"})"), {}},
    {part(R"({"type":"image_url","image_url":{"url":"https://example.com/a.png"}})"), Need::images},
    {part(R"({"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}})"), Need::audio},
    {part(R"({"type":"file","file":{"file_id":"file-1"}})"), Need::files},
    {part(
         R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}},{"type":"file","file":{"file_id":"f"}})"),
     Needs(Need::images) | Need::files},
    {kHi + R"(,"tools":[)" + kTool + "]", Need::tools},
    {kHi + R"(,"tools":[])", {}},
    {kHi + R"(,"functions":[{"name":"look"}])", Need::tools},
    {kHi + R"(,"response_format":{"type":"json_object"})", {}},
    {kHi + R"(,"response_format":{"type":"text"})", {}},
    {kHi + R"(,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{}}})", Need::json_schema},
    {kHi + R"(,"modalities":["text"])", {}},
    {kHi + R"(,"modalities":["text","audio"])", Need::audio_output},
    {kHi + R"(,"audio":{"voice":"alloy","format":"wav"})", Need::audio_output},
};

int64_t input_of(const std::string& members)
{
    return policy::estimate(Read(members).request).input;
}

}  // namespace

TEST(Needs, of_a_request)
{
    for (const Row& row : kRows) EXPECT_EQ(policy::needs_of(Read(row.members).request), row.needs) << row.members;
}

TEST(Needs, in_a_configuration)
{
    Needs needs;
    EXPECT_TRUE(policy::parse_needs("images", needs));
    EXPECT_EQ(needs, Needs(Need::images));
    EXPECT_TRUE(policy::parse_needs("tools,audio_output", needs));
    EXPECT_EQ(needs, Needs(Need::images) | Need::tools | Need::audio_output);
    for (std::string_view bad : {"", ",", "images,", ",images", "Images", "images tools", "vision"}) {
        EXPECT_FALSE(policy::parse_needs(bad, needs)) << bad;
    }
    for (const chat::NeedName& known : chat::kNeedNames) EXPECT_TRUE(policy::parse_needs(known.name, needs));
}

TEST(Needs, are_met_by_what_is_not_known_to_lack_them)
{
    Demand images{Need::images, 100};
    EXPECT_TRUE(policy::meets({}, images));
    EXPECT_TRUE(policy::meets({Need::tools, 0}, images));
    EXPECT_FALSE(policy::meets({Need::images, 0}, images));
    EXPECT_FALSE(policy::meets({Needs(Need::images) | Need::tools, 0}, images));
    EXPECT_TRUE(policy::meets({Need::images, 0}, {}));
    EXPECT_TRUE(policy::meets({{}, 100}, images));
    EXPECT_FALSE(policy::meets({{}, 99}, images));
}

TEST(Needs, that_nobody_meets_are_named)
{
    struct Case {
        std::vector<Offer> offers;
        Demand demand;
        chat::ErrorClass kind;
        std::string_view message, param;
    };
    const Needs both = Needs(Need::images) | Need::tools;
    const Case cases[] = {
        {{{Need::images, 0}, {both, 0}},
         {both, 9},
         chat::ErrorClass::unsupported,
         "No target of the model 'm' can do what the request needs: images.",
         "messages"},
        {{{both, 0}},
         {both, 9},
         chat::ErrorClass::unsupported,
         "No target of the model 'm' can do what the request needs: images, tools.",
         "messages"},
        {{{Need::json_schema, 0}},
         {Need::json_schema, 9},
         chat::ErrorClass::unsupported,
         "No target of the model 'm' can do what the request needs: json_schema.",
         "response_format"},
        {{{Need::images, 0}, {Need::tools, 0}},
         {both, 9},
         chat::ErrorClass::unsupported,
         "No target of the model 'm' can do at once all that the request needs: images, tools.",
         "messages"},
        {{{{}, 5}, {{}, 8}, {Need::images, 100}},
         {Need::images, 9},
         chat::ErrorClass::context_length,
         "The request has about 9 tokens; a target of the model 'm' takes 8 at most.",
         "messages"},
    };
    for (const Case& c : cases) {
        for (const Offer& offer : c.offers) EXPECT_FALSE(policy::meets(offer, c.demand));
        chat::ApiError error = policy::unmet(c.offers, c.demand, "m");
        EXPECT_EQ(error.kind, c.kind);
        EXPECT_EQ(error.message, c.message);
        EXPECT_EQ(error.param, c.param);
        EXPECT_EQ(error.status(), 400);
    }
}

TEST(Tokens, of_text)
{
    EXPECT_EQ(policy::text_tokens(""), 0);
    EXPECT_EQ(policy::text_tokens("a"), 1);
    EXPECT_EQ(policy::text_tokens("abcd"), 1);
    EXPECT_EQ(policy::text_tokens("abcde"), 2);
    EXPECT_EQ(policy::text_tokens("日本"), 3);            // 6 bytes
    EXPECT_EQ(policy::text_tokens("abcdefgh日本ij"), 6);  // across the words it is counted by
    EXPECT_EQ(policy::text_tokens(std::string(4096, 'x')), 1024);
}

TEST(Tokens, of_a_request)
{
    EXPECT_EQ(input_of(user(R"("Hello there!")")), 3 + 4 + 3);
    EXPECT_EQ(input_of(part(R"({"type":"image_url","image_url":{"url":"https://example.com/a.png"}})")), 7 + 1600);
    EXPECT_EQ(input_of(part(R"({"type":"image_url","image_url":{"url":"data:,","detail":"low"}})")), 7 + 85);
    std::string data(64'000, 'A');
    EXPECT_EQ(input_of(part(R"({"type":"input_audio","input_audio":{"format":"wav","data":")" + data + R"("}})")),
              7 + 65);
    EXPECT_EQ(input_of(part(R"({"type":"file","file":{"filename":"a.pdf","file_data":")" + data + R"("}})")), 7 + 4000);
    EXPECT_EQ(input_of(part(R"({"type":"file","file":{"file_id":"file-1"}})")), 7 + 2000);
    EXPECT_EQ(input_of(kHi + R"(,"tools":[)" + kTool + "]"), 7 + 1 + 8 + policy::text_tokens(kTool));
}

TEST(Tokens, of_an_answer)
{
    auto output = [](const std::string& members) { return policy::estimate(Read(kHi + members).request).output; };
    EXPECT_EQ(output(""), policy::kUsualOutput);
    EXPECT_EQ(output(R"(,"max_tokens":10)"), 10);
    EXPECT_EQ(output(R"(,"max_tokens":10,"max_completion_tokens":20)"), 20);
    EXPECT_EQ(output(R"(,"max_tokens":10,"n":3)"), 30);
    EXPECT_EQ(output(R"(,"max_tokens":10,"n":0)"), 10);
    EXPECT_EQ(output(R"(,"max_tokens":-1)"), policy::kUsualOutput);
    EXPECT_GT(output(R"(,"max_tokens":9999999999999999999,"n":9999999999999999999)"), 0);
}

}  // namespace llm::test
