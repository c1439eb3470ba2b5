#pragma once

#include <gtest/gtest.h>

#include "json_judge.hpp"

// A parsed document as text again, in the two forms that the tests compare.
namespace llm::test {

// Every value's raw() is its slice of the source: scalars by rewriting them,
// containers by their own text.
inline void expect_slices(const json::Value& v)
{
    EXPECT_EQ(rewrite(v), without_blanks(v.raw()));
    if (!v.is_array() && !v.is_object()) return;
    size_t n = 0;
    for (const json::Value& child : v) {
        EXPECT_GE(child.raw().data(), v.raw().data());
        EXPECT_LE(child.raw().data() + child.raw().size(), v.raw().data() + v.raw().size());
        expect_slices(child);
        n++;
    }
    EXPECT_EQ(v.size(), n);
}

// The meaning: types, decoded strings and keys, numbers as they are written.
inline std::string print(const json::Value& v)
{
    std::string out;
    switch (v.type()) {
        case json::Type::null:
            return "null";
        case json::Type::boolean:
            return v.is_true() ? "yes" : "no";
        case json::Type::number:
            return "#" + std::string(v.raw());
        case json::Type::string:
            return "<" + v.text() + ">";
        case json::Type::array:
            for (const json::Value& child : v) out += (out.empty() ? "" : " ") + print(child);
            return "[" + out + "]";
        case json::Type::object:
            for (const json::Value& child : v) {
                std::string key;
                json::append_decoded(key, child.key());
                out.append(out.empty() ? "" : " ").append(key).append("=").append(print(child));
            }
            return "{" + out + "}";
    }
    return "?";
}

inline void expect_same_tree(const json::Value& a, const json::Value& b)
{
    ASSERT_EQ(a.type(), b.type());
    ASSERT_EQ(a.raw(), b.raw());
    ASSERT_EQ(a.raw().data(), b.raw().data());
    ASSERT_EQ(a.key(), b.key());
    ASSERT_EQ(a.escaped(), b.escaped());
    ASSERT_EQ(a.size(), b.size());
    auto of_b = b.begin();
    if (!a.is_array() && !a.is_object()) return;
    for (const json::Value& child : a) {
        expect_same_tree(child, *of_b);
        if (testing::Test::HasFatalFailure()) return;
        ++of_b;
    }
}

// `series` has parsed any number of texts by parse_next(); `text` is the next.
inline void expect_same(json::Document& series, json::Document& alone, std::string_view text, json::Mode mode)
{
    Status next = series.parse_next(text, mode);
    Status parsed = alone.parse(text, mode);
    ASSERT_EQ(next.code, parsed.code) << text;
    ASSERT_EQ(next.at, parsed.at) << text;
    // A mended text is a copy of each document's own.
    if (!parsed.ok() || alone.source().data() != text.data()) return;
    expect_same_tree(series.root(), alone.root());
}

}  // namespace llm::test
