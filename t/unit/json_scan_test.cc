// Strings: where they end and what may stand in them.
#include "json/scan.hpp"

#include <gtest/gtest.h>

#include "guard.hpp"

namespace llm::test {

namespace {

using namespace std::string_literals;

// Around the sixteen bytes that are looked at in one step, twice.
constexpr size_t kLongest = 35;

struct Found {
    Status status;
    json::StringSpan span;
    size_t close = 0;
};

Found scan(std::string_view text, size_t open = 0)
{
    Found f;
    f.status = json::scan_string(text, open, f.span, f.close);
    return f;
}

TEST(Scan, FindsTheNextQuote)
{
    struct Row {
        std::string_view text;
        size_t from, expected;
    };
    const Row rows[] = {
        {"", 0, 0}, {"", 7, 0}, {"\"", 0, 0}, {"\"", 1, 1}, {"[ \"a\"]", 0, 2}, {"[ \"a\"]", 3, 4}, {"[1,2]", 0, 5},
    };
    for (const Row& row : rows) {
        Guarded text(row.text);
        EXPECT_EQ(json::find_quote(text.view(), row.from), row.expected) << row.text << " from " << row.from;
    }
}

struct Row {
    std::string name;
    std::string inside;
    Errc code;
    bool escaped = false;
};

const Row kRows[] = {
    {"plain", "x", Errc::ok},
    {"blank and del", " \x7f", Errc::ok},
    {"slash", "a/b", Errc::ok},
    {"two bytes", "\xc3\xa9", Errc::ok},
    {"three bytes", "\xe2\x82\xac", Errc::ok},
    {"four bytes", "\xf0\x9f\x98\x80", Errc::ok},
    {"short escapes", R"(\"\\\/\b\f\n\r\t)", Errc::ok, true},
    {"unicode escape", R"(\u00E9\u00e9)", Errc::ok, true},
    {"surrogate pair", R"(\ud83d\ude00)", Errc::ok, true},
    {"lone surrogates", R"(\udc00\ud800x)", Errc::ok, true},
    {"escaped nul", R"(\u0000)", Errc::ok, true},
    {"backslash before the end", R"(\\)", Errc::ok, true},
    {"nul", "\0"s, Errc::bad_json},
    {"tab", "\t", Errc::bad_json},
    {"line end", "\n", Errc::bad_json},
    {"last control character", "\x1f", Errc::bad_json},
    {"unknown escape", R"(\x41)", Errc::bad_json, true},
    {"escaped capital", R"(\N)", Errc::bad_json, true},
    {"escaped control character", "\\\n", Errc::bad_json, true},
    {"escaped raw nul", "\\\0"s, Errc::bad_json, true},
    {"unicode escape too short", R"(\u12)", Errc::bad_json, true},
    {"unicode escape with a sign", R"(\u+123)", Errc::bad_json, true},
    {"unicode escape beyond hex", R"(\u00g0)", Errc::bad_json, true},
    {"capital U", R"(\U0001F600)", Errc::bad_json, true},
    {"continuation alone", "\x80", Errc::bad_utf8},
    {"overlong", "\xc0\xaf", Errc::bad_utf8},
    {"raw surrogate", "\xed\xa0\x80", Errc::bad_utf8},
    {"beyond the last code point", "\xf4\x90\x80\x80", Errc::bad_utf8},
    {"sequence cut by the quote", "\xe2\x82", Errc::bad_utf8},
    {"latin-1", "caf\xe9", Errc::bad_utf8},
};

TEST(Scan, Strings)
{
    for (const Row& row : kRows) {
        for (size_t before = 0; before < kLongest; before++) {
            for (size_t after : {size_t{0}, size_t{1}, size_t{20}}) {
                std::string body = std::string(before, 'p') + row.inside + std::string(after, 's');
                Guarded text('"' + body + '"');
                Found f = scan(text.view());
                ASSERT_EQ(f.status.code, row.code) << row.name << " at " << before << ", " << after << " behind";
                if (!f.status.ok()) continue;
                ASSERT_EQ(f.span.body, body) << row.name;
                ASSERT_EQ(f.span.escaped, row.escaped) << row.name;
                ASSERT_EQ(f.close, body.size() + 1) << row.name;
            }
        }
    }
}

TEST(Scan, StopsAtTheFirstQuoteAndStartsWhereItIsTold)
{
    std::string text = R"({"key":"value","more":"x"})";
    for (size_t n = 0; n < kLongest; n++) {
        std::string shifted = std::string(n, ' ') + text;
        Found f = scan(shifted, n + 7);
        EXPECT_TRUE(f.status.ok());
        EXPECT_EQ(f.span.body, "value");
        EXPECT_EQ(shifted[f.close], '"');
    }
}

TEST(Scan, TextsThatEndInsideTheStringAreNeverReadBeyond)
{
    for (const Row& row : kRows) {
        for (size_t before = 0; before < kLongest; before++) {
            std::string text = '"' + std::string(before, 'p') + row.inside;
            for (size_t cut = 1; cut <= text.size(); cut++) {
                EXPECT_EQ(scan(Guarded(text.substr(0, cut)).view()).status.code, Errc::bad_json)
                    << row.name << " at " << before << " cut to " << cut;
            }
        }
    }
}

// A quote that looks escaped is not when the backslash before it is.
TEST(Scan, CountsBackslashes)
{
    for (size_t n = 0; n < kLongest; n++) {
        std::string text = '"' + std::string(n, '\\') + "\"";
        Found f = scan(Guarded(text).view());
        EXPECT_EQ(f.status.ok(), n % 2 == 0) << n;
        if (!f.status.ok()) continue;
        EXPECT_EQ(f.span.body.size(), n);
    }
}

}  // namespace

}  // namespace llm::test
