// Reading values of a parsed document.
#include "json/value.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "json/document.hpp"

namespace llm::test {

namespace {

using namespace std::string_literals;
using json::Document;
using json::Mode;
using json::Value;

TEST(Value, Types)
{
    struct Row {
        std::string_view text;
        json::Type type;
    };
    const Row rows[] = {
        {"null", json::Type::null},   {"false", json::Type::boolean}, {"1", json::Type::number},
        {"\"\"", json::Type::string}, {"[]", json::Type::array},      {"{}", json::Type::object},
    };
    for (const Row& row : rows) {
        Document doc;
        ASSERT_TRUE(doc.parse(row.text, Mode::strict).ok());
        const Value& v = doc.root();
        EXPECT_EQ(v.type(), row.type) << row.text;
        EXPECT_EQ(v.is_null(), row.type == json::Type::null);
        EXPECT_EQ(v.is_bool(), row.type == json::Type::boolean);
        EXPECT_EQ(v.is_number(), row.type == json::Type::number);
        EXPECT_EQ(v.is_string(), row.type == json::Type::string);
        EXPECT_EQ(v.is_array(), row.type == json::Type::array);
        EXPECT_EQ(v.is_object(), row.type == json::Type::object);
        EXPECT_EQ(v.raw(), row.text);
    }
}

TEST(Value, OtherTypesAnswerHarmlessly)
{
    for (std::string_view text : {"null", "true", "1", "[1]"}) {
        Document doc;
        ASSERT_TRUE(doc.parse(text, Mode::strict).ok());
        const Value& v = doc.root();
        EXPECT_EQ(v.body(), "") << text;
        EXPECT_EQ(v.text(), "") << text;
        EXPECT_FALSE(v.is("")) << text;
        EXPECT_EQ(v.find("a"), nullptr) << text;
        EXPECT_EQ(v.get("a"), nullptr) << text;
        EXPECT_EQ(v.is_true(), text == "true") << text;
        EXPECT_EQ(v.to_uint().has_value(), text == "1") << text;
    }
    Document doc;
    ASSERT_TRUE(doc.parse("\"true\"", Mode::strict).ok());
    EXPECT_FALSE(doc.root().is_true());
    ASSERT_TRUE(doc.parse("\"7\"", Mode::strict).ok());
    EXPECT_FALSE(doc.root().to_uint().has_value());
}

struct Decoded {
    std::string name;
    std::string body;
    std::string text;
};

const Decoded kDecoded[] = {
    {"empty", "", ""},
    {"plain", "abc", "abc"},
    {"utf-8", "caf\xc3\xa9", "caf\xc3\xa9"},
    {"short escapes", R"(\"\\\/\b\f\n\r\t)", "\"\\/\b\f\n\r\t"},
    {"text around", R"(a\nb)", "a\nb"},
    {"one byte", R"(\u0041)", "A"},
    {"both cases of hex", R"(\u00e9\u00E9)", "\xc3\xa9\xc3\xa9"},
    {"three bytes", R"(\u20ac)", "\xe2\x82\xac"},
    {"pair", R"(\ud83d\ude00)", "\xf0\x9f\x98\x80"},
    {"first pair", R"(\ud800\udc00)", "\xf0\x90\x80\x80"},
    {"last pair", R"(\udbff\udfff)", "\xf4\x8f\xbf\xbf"},
    {"nul", R"(\u0000)", "\0"s},
    {"high alone", R"(\ud83d)", "\xef\xbf\xbd"},
    {"high before text", R"(\ud83dx)", "\xef\xbf\xbdx"},
    {"high before another escape", R"(\ud83d\n)", "\xef\xbf\xbd\n"},
    {"high before a plain escape", R"(\ud83d\u0041)",
     "\xef\xbf\xbd"
     "A"},
    {"high before what comes after the surrogates", R"(\ud83d\ue000)", "\xef\xbf\xbd\xee\x80\x80"},
    {"high before a pair", R"(\ud83d\ud83d\ude00)", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
    {"low alone", R"(\ude00)", "\xef\xbf\xbd"},
    {"low before high", R"(\ude00\ud83d)", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"escaped backslash before u", R"(\\u0041)", "\\u0041"},
};

TEST(Value, DecodesStrings)
{
    for (const Decoded& row : kDecoded) {
        std::string out = "kept";
        json::append_decoded(out, row.body);
        EXPECT_EQ(out, "kept" + row.text) << row.name;
    }
}

TEST(Value, ComparesWithoutDecoding)
{
    for (const Decoded& row : kDecoded) {
        bool escaped = row.body.find('\\') != row.body.npos;
        auto equals = [&](std::string_view text) { return json::decoded_equals(row.body, escaped, text); };
        EXPECT_TRUE(equals(row.text)) << row.name;
        EXPECT_FALSE(equals(row.text + "x")) << row.name;
        EXPECT_FALSE(equals("x" + row.text)) << row.name;
        if (row.text.empty()) continue;
        EXPECT_FALSE(equals(row.text.substr(1))) << row.name;
        EXPECT_FALSE(equals(row.text.substr(0, row.text.size() - 1))) << row.name;
        std::string other = row.text;
        other.back() ^= 1;
        EXPECT_FALSE(equals(other)) << row.name;
        EXPECT_EQ(equals(row.body), !escaped) << row.name;
    }
}

TEST(Value, Numbers)
{
    struct Row {
        std::string_view text;
        std::optional<uint64_t> integer;
        double real;
    };
    const Row rows[] = {
        {"0", 0, 0},
        {"1024", 1024, 1024},
        {"18446744073709551615", UINT64_MAX, 18446744073709551615.0},
        {"18446744073709551616", std::nullopt, 18446744073709551616.0},
        {"-0", std::nullopt, 0},
        {"-1", std::nullopt, -1},
        {"1.0", std::nullopt, 1},
        {"1e2", std::nullopt, 100},
        {"0.10", std::nullopt, 0.1},
        {"1.0E+2", std::nullopt, 100},
        {"-2.5e-1", std::nullopt, -0.25},
        {"1E400", std::nullopt, HUGE_VAL},
        {"-1E400", std::nullopt, -HUGE_VAL},
        {"1E-400", std::nullopt, 0},
    };
    for (const Row& row : rows) {
        Document doc;
        ASSERT_TRUE(doc.parse(row.text, Mode::strict).ok());
        EXPECT_EQ(doc.root().to_uint(), row.integer) << row.text;
        EXPECT_EQ(doc.root().to_double(), row.real) << row.text;
    }
    Document doc;
    ASSERT_TRUE(doc.parse("[\"1\",true]", Mode::strict).ok());
    for (const Value& v : doc.root()) EXPECT_EQ(v.to_double(), 0) << v.raw();
}

TEST(Value, FindsMembers)
{
    Document doc;
    ASSERT_TRUE(doc.parse(R"({"a":{"x":1,"b":2},"n":null,"b":[{"c":3}],"\u0065":4})", Mode::strict).ok());
    struct Row {
        std::string_view name;
        std::string_view found;  // raw; empty: not there
        bool got;
    };
    const Row rows[] = {
        {"a", R"({"x":1,"b":2})", true},
        {"n", "null", false},
        {"b", R"([{"c":3}])", true},
        {"e", "4", true},
        {"x", "", false},
        {"c", "", false},
        {"\\u0065", "", false},
        {"", "", false},
        {"aa", "", false},
    };
    for (const Row& row : rows) {
        const Value* v = doc.root().find(row.name);
        ASSERT_EQ(v != nullptr, !row.found.empty()) << row.name;
        EXPECT_EQ(v ? v->raw() : "", row.found);
        EXPECT_EQ(doc.root().get(row.name), row.got ? v : nullptr) << row.name;
    }
    EXPECT_TRUE(doc.root().find("e")->key_is("e"));
    EXPECT_EQ(doc.root().find("e")->key(), "\\u0065");
    EXPECT_EQ(doc.root().size(), 4U);
}

TEST(Value, StepsOverSubtrees)
{
    Document doc;
    ASSERT_TRUE(doc.parse(R"([[1,[2,{"a":[3]}]],{},[],4])", Mode::strict).ok());
    std::string seen;
    for (const Value& v : doc.root()) seen.append(v.raw()).append(" ");
    EXPECT_EQ(seen, R"([1,[2,{"a":[3]}]] {} [] 4 )");
    EXPECT_EQ(doc.root().size(), 4U);
}

}  // namespace

}  // namespace llm::test
