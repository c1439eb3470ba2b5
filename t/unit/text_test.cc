// ASCII and UTF-8 helpers.
#include "base/text.hpp"

#include <gtest/gtest.h>

#include "guard.hpp"

namespace llm::test {

namespace {

using namespace std::string_literals;

const std::string kMark = "\xef\xbf\xbd";  // U+FFFD

TEST(Text, LettersFoldOnlyInAscii)
{
    for (int i = 0; i < 256; i++) {
        char c = static_cast<char>(i);
        bool upper = i >= 'A' && i <= 'Z';
        bool lower = i >= 'a' && i <= 'z';
        EXPECT_EQ(text::to_lower(c), upper ? static_cast<char>(i + 32) : c) << i;
        EXPECT_EQ(text::is_alpha(c), upper || lower) << i;
        EXPECT_EQ(text::is_digit(c), i >= '0' && i <= '9') << i;
        EXPECT_EQ(text::is_space(c), i == ' ' || i == '\t' || i == '\n' || i == '\r') << i;
        EXPECT_EQ(text::is_graphic(c), i > 0x20 && i < 0x7f) << i;
    }
}

TEST(Text, Compares)
{
    struct Row {
        std::string_view a, b;
        bool equal, contained;  // b in a
    };
    const Row rows[] = {
        {"", "", true, true},
        {"Retry-After", "retry-after", true, true},
        {"retry-after-ms", "retry-after", false, true},
        {"retry-afte", "retry-after", false, false},
        {"x", "", false, true},
        {"", "x", false, false},
        {"[", "{", false, false},                // 0x5b and 0x7b differ in the bit that letters fold by
        {"@", "`", false, false},                // and so do 0x40 and 0x60
        {"\xc3\x89", "\xc3\xa9", false, false},  // É and é are no ASCII letters
        {"aaab", "AAB", false, true},
    };
    for (const Row& row : rows) {
        Guarded a(row.a), b(row.b);
        EXPECT_EQ(text::iequals(a.view(), b.view()), row.equal) << row.a << " / " << row.b;
        EXPECT_EQ(text::icontains(a.view(), b.view()), row.contained) << row.a << " / " << row.b;
    }
}

TEST(Text, Trims)
{
    struct Row {
        std::string_view text, expected;
    };
    const Row rows[] = {
        {"", ""},           {" \t\r\n", ""},          {"a", "a"}, {" a ", "a"}, {"\r\n a b\t", "a b"},
        {"\va\f", "\va\f"}, {"\xc2\xa0", "\xc2\xa0"},
    };
    for (const Row& row : rows) EXPECT_EQ(text::trim(row.text), row.expected) << row.text;
}

TEST(Text, ReadsUnsignedNumbers)
{
    struct Row {
        std::string_view text;
        std::optional<uint64_t> expected;
    };
    const Row rows[] = {
        {"0", 0},
        {"007", 7},
        {"18446744073709551615", UINT64_MAX},
        {"18446744073709551616", std::nullopt},
        {"", std::nullopt},
        {"-1", std::nullopt},
        {"+1", std::nullopt},
        {" 1", std::nullopt},
        {"1 ", std::nullopt},
        {"1.0", std::nullopt},
        {"1e2", std::nullopt},
        {"0x10", std::nullopt},
    };
    for (const Row& row : rows) EXPECT_EQ(text::to_uint(Guarded(row.text).view()), row.expected) << row.text;
}

TEST(Text, Tokens)
{
    struct Row {
        std::string text;
        bool expected;
    };
    const Row rows[] = {
        {"gpt-4o", true},
        {"accounts/x:y@z~!", true},
        {"", false},
        {"a b", false},
        {"a\r\nb", false},
        {"a\0b"s, false},
        {"a\x7f", false},
        {"caf\xc3\xa9", false},
        {std::string(8, 'x'), true},
        {std::string(9, 'x'), false},
    };
    for (const Row& row : rows)
        EXPECT_EQ(text::is_token(row.text, row.text[0] == 'x' ? 8 : 64), row.expected) << row.text;
}

struct Utf8Row {
    std::string name;
    std::string text;
    std::string mended;  // equal to `text` when that is well-formed
};

// RFC 3629 section 4, and the table of maximal subparts in The Unicode Standard,
// section 3.9.
const Utf8Row kUtf8[] = {
    {"empty", "", ""},
    {"ascii", "a\x7f", "a\x7f"},
    {"nul", "a\0b"s, "a\0b"s},
    {"first of two bytes", "\xc2\x80", "\xc2\x80"},
    {"last of two bytes", "\xdf\xbf", "\xdf\xbf"},
    {"first of three bytes", "\xe0\xa0\x80", "\xe0\xa0\x80"},
    {"last before the surrogates", "\xed\x9f\xbf", "\xed\x9f\xbf"},
    {"first after the surrogates", "\xee\x80\x80", "\xee\x80\x80"},
    {"last of three bytes", "\xef\xbf\xbf", "\xef\xbf\xbf"},
    {"first of four bytes", "\xf0\x90\x80\x80", "\xf0\x90\x80\x80"},
    {"last code point", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
    {"overlong two bytes", "\xc0\x80", kMark + kMark},
    {"overlong slash", "\xc1\xaf", kMark + kMark},
    {"overlong three bytes", "\xe0\x9f\xbf", kMark + kMark + kMark},
    {"overlong four bytes", "\xf0\x8f\xbf\xbf", kMark + kMark + kMark + kMark},
    {"high surrogate", "\xed\xa0\x80", kMark + kMark + kMark},
    {"low surrogate", "\xed\xbf\xbf", kMark + kMark + kMark},
    {"beyond the last code point", "\xf4\x90\x80\x80", kMark + kMark + kMark + kMark},
    {"lead f5", "\xf5\x80\x80\x80", kMark + kMark + kMark + kMark},
    {"ff", "\xff", kMark},
    {"continuation alone", "\x80", kMark},
    {"cut after one of two", "a\xc3", "a" + kMark},
    {"cut after two of three", "a\xe2\x82", "a" + kMark},
    {"cut after three of four", "a\xf0\x9f\x98", "a" + kMark},
    {"broken by ascii", "\xe2\x82z", kMark + "z"},
    {"broken by a lead byte", "\xe2\x82\xc3\xa9", kMark + "\xc3\xa9"},
    {"the standard's example",
     "a\xf1\x80\x80\xe1\x80\xc2"
     "b\x80"
     "c\x80\xbf"
     "d",
     "a" + kMark + kMark + kMark + "b" + kMark + "c" + kMark + kMark + "d"},
};

TEST(Text, Utf8)
{
    for (const Utf8Row& row : kUtf8) {
        // Plain text in front moves the sequence over the borders of the words
        // in which ASCII is skipped.
        for (size_t before = 0; before <= 17; before++) {
            std::string plain(before, 'p');
            Guarded text(plain + row.text);
            EXPECT_EQ(text::is_utf8(text.view()), row.text == row.mended) << row.name << " after " << before;
            std::string mended;
            text::append_sanitized(mended, text.view());
            EXPECT_EQ(mended, plain + row.mended) << row.name << " after " << before;
            EXPECT_EQ(text::is_utf8(plain + row.text + "0123456789"), row.text == row.mended) << row.name;
        }
    }
}

TEST(Text, SanitizingAppends)
{
    std::string out = "kept";
    text::append_sanitized(out, "\xff!");
    EXPECT_EQ(out, "kept" + kMark + "!");
}

TEST(Text, EveryCodePointIsWrittenAsUtf8)
{
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        std::string out;
        text::append_utf8(out, c);
        bool surrogate = c >= 0xd800 && c <= 0xdfff;
        size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if (surrogate ? out != kMark : out.size() != size || !text::is_utf8(out)) {
            FAIL() << std::hex << c;
        }
    }
}

TEST(Text, CodePoints)
{
    struct Row {
        uint32_t code_point;
        std::string expected;
    };
    const Row rows[] = {
        {0x41, "A"},     {0xe9, "\xc3\xa9"}, {0x20ac, "\xe2\x82\xac"}, {0x1f600, "\xf0\x9f\x98\x80"},
        {0xd800, kMark}, {0xdfff, kMark},    {0x110000, kMark},        {0xffffffff, kMark},
    };
    for (const Row& row : rows) {
        std::string out;
        text::append_utf8(out, row.code_point);
        EXPECT_EQ(out, row.expected) << std::hex << row.code_point;
    }
}

}  // namespace

}  // namespace llm::test
