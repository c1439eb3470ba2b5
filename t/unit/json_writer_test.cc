// Writing JSON: the Writer, escaping, and splices into a text.
#include "json/writer.hpp"

#include <gtest/gtest.h>

#include "json/document.hpp"
#include "json/splice.hpp"

namespace llm::test {

namespace {

using namespace std::string_literals;
using json::Document;
using json::Mode;
using json::Writer;

const std::string kMark = "\xef\xbf\xbd";  // U+FFFD

TEST(Writer, SeparatesAndCloses)
{
    Rope out;
    Writer w(out);
    {
        auto root = w.object();
        w.member("n", 18446744073709551615U);
        w.string_member("s", "a\"b");
        w.raw_member("r", "[1, 2]");
        w.key("t").boolean(true);
        w.key("f").boolean(false);
        w.key("z").null();
        {
            auto list = w.array("list");
            w.number(0);
            w.string("");
            {
                auto inner = w.object();
            }
            {
                auto inner = w.array();
            }
            w.raw("1.0e+2");
        }
        {
            auto object = w.object("o");
            w.key("e").escaped("\\u00e9");
        }
        w.key("last").number(1);
    }
    EXPECT_EQ(out.str(), R"({"n":18446744073709551615,"s":"a\"b","r":[1, 2],"t":true,"f":false,"z":null,)"
                         R"("list":[0,"",{},[],1.0e+2],"o":{"e":"\u00e9"},"last":1})");
}

TEST(Writer, OpensAndClosesWithoutScopes)
{
    Rope out;
    Writer w(out);
    w.open_array();
    w.open_object();
    w.key("a").open_array();
    w.close_array();
    w.close_object();
    w.open_object();
    w.close_object();
    w.close_array();
    EXPECT_EQ(out.str(), R"([{"a":[]},{}])");
}

TEST(Writer, StringsInParts)
{
    Rope out;
    Writer w(out);
    w.open_array();
    for (int i = 0; i < 2; i++) {
        w.begin_string();
        w.part("a\n");
        w.escaped_part("\\n");
        w.part("");
        w.end_string();
    }
    w.close_array();
    EXPECT_EQ(out.str(), R"(["a\n\n","a\n\n"])");
}

TEST(Writer, ValuesGoOutAsTheyCame)
{
    std::string text = R"({"a" : 0.10 , "b":[ 1E400,"\u00e9\/" ] })";
    Document doc;
    ASSERT_TRUE(doc.parse(text, Mode::strict).ok());
    Rope out;
    Writer w(out);
    {
        auto root = w.array();
        for (const json::Value& v : doc.root()) w.value(v);
    }
    EXPECT_EQ(out.str(), R"([0.10,[ 1E400,"\u00e9\/" ]])");
}

TEST(Writer, LongValuesAreNotCopiedUnlessAskedTo)
{
    std::string text = '"' + std::string(2000, 'x') + '"';
    Rope referred, copied;
    Writer(referred).raw(text);
    Writer(copied).copy(text);
    EXPECT_EQ(referred.pieces()[0].data(), text.data());
    EXPECT_NE(copied.pieces()[0].data(), text.data());
    EXPECT_EQ(referred.str(), text);
    EXPECT_EQ(copied.str(), text);
}

TEST(Writer, Escapes)
{
    struct Row {
        std::string text, expected;
    };
    const Row rows[] = {
        {"", ""},
        {"plain / text", "plain / text"},
        {"\"\\", R"(\"\\)"},
        {"\b\f\n\r\t", R"(\b\f\n\r\t)"},
        {"\0\x01\x1f\x7f"s, "\\u0000\\u0001\\u001f\x7f"},
        {"caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80"},
        {"bad \xff\"", "bad " + kMark + "\\\""},
        {"cut \xe2\x82", "cut " + kMark},
    };
    for (const Row& row : rows) {
        Rope out;
        json::append_escaped(out, row.text);
        EXPECT_EQ(out.str(), row.expected) << row.text;
    }
}

TEST(Writer, EveryByteEscapedParsesBack)
{
    std::string text;
    for (int c = 0; c < 128; c++) text += static_cast<char>(c);
    text += "\xc2\x80\xf4\x8f\xbf\xbf";
    Rope out;
    Writer(out).string(text);
    Document doc;
    std::string json = out.str();
    ASSERT_TRUE(doc.parse(json, Mode::strict).ok());
    EXPECT_EQ(doc.root().text(), text);
}

// An object as `arguments`: a string whose text is JSON without blanks.
TEST(Writer, CompactsForArguments)
{
    struct Row {
        std::string_view json, decoded;
    };
    const Row rows[] = {
        {"{}", "{}"},
        {" {\r\n\t} ", "{}"},
        {R"({ "a" : [ 1 , 2.50 ] })", R"({"a":[1,2.50]})"},
        {R"({ "a b" : " c  d " })", R"({"a b":" c  d "})"},
        {R"({ "q" : "\" , \\" , "x" : 1 })", R"({"q":"\" , \\","x":1})"},
        {R"({ "\\" : " " })", R"({"\\":" "})"},
        {R"({ "u" : "\u00e9" })", R"({"u":"\u00e9"})"},
        {"{ \"u\" : \"\xc3\xa9\" }", "{\"u\":\"\xc3\xa9\"}"},
    };
    for (const Row& row : rows) {
        Rope out;
        out.append('"');
        json::append_compact_escaped(out, row.json);
        out.append('"');
        std::string text = out.str();
        Document doc;
        ASSERT_TRUE(doc.parse(text, Mode::strict).ok()) << text;
        EXPECT_EQ(doc.root().text(), row.decoded);
    }
}

TEST(Splice, ChangesOnlyWhatIsNamed)
{
    std::string text = R"({ "model" : "a", "empty":{ }, "o":{"x":1 } })";
    Document doc;
    ASSERT_TRUE(doc.parse(text, Mode::strict).ok());
    const json::Value& root = doc.root();

    Rope untouched;
    json::Splice(text).apply(untouched);
    EXPECT_EQ(untouched.str(), text);

    json::Splice splice(text);
    splice.add_member(root, "z", "true");
    splice.add_member(*root.find("o"), "y", "2");
    splice.add_member(*root.find("empty"), "e", "null");
    splice.replace(root.find("model")->raw(), R"("b")");
    Rope out;
    splice.apply(out);
    EXPECT_EQ(out.str(), R"({ "model" : "b", "empty":{ "e":null}, "o":{"x":1 ,"y":2} ,"z":true})");
}

// Every choice of members of an object, with blanks wherever they may be.
TEST(Splice, WhateverGoesLeavesAnObject)
{
    std::string text = "{ \"a\" : 1 ,\"b\":[2 ] , \"c\" : {\"x\" : 1}, \"d\" :\"4\"  }";
    Document doc;
    ASSERT_TRUE(doc.parse(text, Mode::strict).ok());
    for (unsigned gone = 0; gone < 16; gone++) {
        for (unsigned added = 0; added < 3; added++) {
            json::Splice splice(text);
            std::string names;
            unsigned bit = 1;
            for (const json::Value& member : doc.root()) {
                if ((gone & bit) == 0) {
                    names += member.key();
                } else {
                    splice.remove(doc.root(), member);
                    if (bit > 2) splice.remove(doc.root(), member);  // twice is once
                }
                bit <<= 1;
            }
            for (unsigned i = 0; i < added; i++) {
                splice.add_member(doc.root(), i == 0 ? "y" : "z", "null");
                names += i == 0 ? "y" : "z";
            }
            Rope out;
            splice.apply(out);
            std::string changed = out.str();
            Document after;
            ASSERT_TRUE(after.parse(changed, Mode::strict).ok()) << changed;
            std::string left;
            for (const json::Value& member : after.root()) left += member.key();
            EXPECT_EQ(left, names) << changed;
        }
    }
}

TEST(Splice, MembersOfSeveralObjects)
{
    std::string text = R"({"a":{"x":1,"y":2},"b":{"x":1},"c":3})";
    Document doc;
    ASSERT_TRUE(doc.parse(text, Mode::strict).ok());
    const json::Value& root = doc.root();
    json::Splice splice(text);
    splice.remove(root, *root.find("c"));
    splice.remove(*root.find("b"), *root.find("b")->find("x"));
    splice.rename(*root.find("a")->find("y"), "z");
    splice.remove(*root.find("a"), *root.find("a")->find("x"));
    EXPECT_FALSE(splice.empty());
    Rope out;
    splice.apply(out);
    EXPECT_EQ(out.str(), R"({"a":{"z":2},"b":{}})");
    splice.reset("[]");
    EXPECT_TRUE(splice.empty());
}

TEST(Splice, InsertionsAtOnePlaceKeepTheirOrder)
{
    std::string_view text = "{}";
    json::Splice splice(text);
    splice.replace(text.substr(1, 0), "1");
    splice.replace(text.substr(1, 0), "2");
    Rope out;
    splice.apply(out);
    EXPECT_EQ(out.str(), "{12}");
}

TEST(Splice, EdgesOfTheText)
{
    std::string_view text = "[1,2]";
    json::Splice splice(text);
    splice.replace(text.substr(4, 1), ")");
    splice.replace(text.substr(0, 1), "(");
    splice.replace(text.substr(2, 1), "");
    Rope out;
    splice.apply(out);
    EXPECT_EQ(out.str(), "(12)");
}

}  // namespace

}  // namespace llm::test
