// Texts in a row: those that differ inside strings only take over the tree of
// the one before. What is told of them is what is told of each alone.
#include <gtest/gtest.h>

#include "guard.hpp"
#include "json_text.hpp"

namespace llm::test {

namespace {

using json::Document;
using json::Mode;

std::string event(std::string content, std::string id = "x", std::string more = "")
{
    return R"({"id":")" + id + R"(","choices":[{"index":0,"delta":{"content":")" + content +
           R"("},"finish_reason":null}],"n":12)" + more + R"(,"end":"e"})";
}

TEST(Pattern, ASeriesOfEvents)
{
    const std::string texts[] = {
        event("a"),
        event("b"),
        event(""),
        event(std::string(3000, 'l')),
        event(std::string(3000, 'm'), "yy"),
        event("short", "a longer id than before"),
        event("\\n", "\\u00e9"),
        event("plain", "plain"),
        event("\xc3\xa9"),
        event("\x01"),
        event("a"),
        event("\xff"),
        event("b"),
        event("c", "x", ",\"usage\":{}"),
        event("d", "x", ",\"usage\":{}"),
        event("d", "x", ",\"usage\":[]"),
        event("ends\"", "x"),
        event("ends\\"),
        event("e").substr(1),
        event("f") + " ",
        event("f") + "}",
        event("g"),
        event(std::string(5000, 'g')),
        event("h"),
        "\"\"",
        "\"more\"",
        "[]",
        "{}",
        "",
    };
    Document series, alone;
    for (const std::string& text : texts) {
        SCOPED_TRACE(text.substr(0, 100));
        expect_same(series, alone, Guarded(text).view(), Mode::liberal);
        std::string again = text;
        expect_same(series, alone, again, Mode::liberal);
    }
}

// Member names are no strings that may differ: the tree would be another one.
TEST(Pattern, OtherNames)
{
    Document doc;
    ASSERT_TRUE(doc.parse_next(R"({"a":"1","b":"2"})", Mode::strict).ok());
    ASSERT_TRUE(doc.parse_next(R"({"b":"1","c":"2"})", Mode::strict).ok());
    EXPECT_EQ(doc.root().find("a"), nullptr);
    EXPECT_EQ(doc.root().find("b")->body(), "1");
    EXPECT_EQ(doc.parse_next(R"({"c":"1","c":"2"})", Mode::strict).code, Errc::duplicate_key);
}

TEST(Pattern, CutAnywhere)
{
    std::string text = event("cut \\u0041 here");
    Document series, alone;
    for (size_t n = 0; n <= text.size(); n++) {
        expect_same(series, alone, text, Mode::strict);
        expect_same(series, alone, Guarded(text.substr(0, n)).view(), Mode::strict);
    }
}

TEST(Pattern, ParseBetweenForgets)
{
    Document doc;
    ASSERT_TRUE(doc.parse_next(R"(["a"])", Mode::strict).ok());
    ASSERT_TRUE(doc.parse(R"({"k":1})", Mode::strict).ok());
    ASSERT_TRUE(doc.parse_next(R"(["b"])", Mode::strict).ok());
    EXPECT_TRUE(doc.root().is_array());
    EXPECT_EQ(doc.root().begin()->body(), "b");
}

}  // namespace

}  // namespace llm::test
