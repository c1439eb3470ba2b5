#include "base/base64.hpp"

#include <gtest/gtest.h>

namespace llm::test {

namespace {

using namespace std::string_literals;

struct Row {
    std::string name;
    std::string text;
    bool ok;
    std::string expected;
};

const Row kRows[] = {
    // RFC 4648, section 10.
    {"empty", "", true, ""},
    {"f", "Zg==", true, "f"},
    {"fo", "Zm8=", true, "fo"},
    {"foo", "Zm9v", true, "foo"},
    {"foobar", "Zm9vYmFy", true, "foobar"},
    {"all bits", "////", true, "\xff\xff\xff"},
    {"both odd letters", "+/+/", true, "\xfb\xff\xbf"},
    {"nul bytes count", "AAAA", true, "\0\0\0"s},
    {"padding missing", "Zg", false, ""},
    {"padding short", "Zg=", false, ""},
    {"too much padding", "Z===", false, ""},
    {"nothing but padding", "====", false, ""},
    {"padding in the middle", "Zg==Zg==", false, ""},
    {"padding inside a group", "Z=g=", false, ""},
    {"url alphabet", "-_-_", false, ""},
    {"line end inside", "Zm9v\nZm9v\nZm=", false, ""},
    {"blanks in front", "    Zm9v", false, ""},
    {"line ends behind", "Zg==\r\n\r\n", false, ""},
    {"nul", "Zm9\0"s, false, ""},
    {"byte above 0x7f", "Zm9\xe9", false, ""},
};

TEST(Base64, Decodes)
{
    for (const Row& row : kRows) {
        std::string out = "kept";
        EXPECT_EQ(base64_decode(row.text, out), row.ok) << row.name;
        EXPECT_EQ(out, "kept" + row.expected) << row.name;
    }
}

}  // namespace

}  // namespace llm::test
