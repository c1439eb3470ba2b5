#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "json/document.hpp"

// A parsed document as text again, in the two forms that the tests compare.
namespace llm::test {

// The source without the blanks between its tokens: what a writer that only
// copies slices gives back.
inline void rewrite(const json::Value& v, std::string& out)
{
    if (!v.is_array() && !v.is_object()) {
        out += v.raw();
        return;
    }
    out += v.is_array() ? '[' : '{';
    bool first = true;
    for (const json::Value& child : v) {
        if (!first) out += ',';
        first = false;
        if (v.is_object()) out.append("\"").append(child.key()).append("\":");
        rewrite(child, out);
    }
    out += v.is_array() ? ']' : '}';
}

inline std::string rewrite(const json::Value& v)
{
    std::string out;
    rewrite(v, out);
    return out;
}

inline std::string without_blanks(std::string_view json)
{
    std::string out;
    bool in_string = false;
    for (size_t i = 0; i < json.size(); i++) {
        char c = json[i];
        if (!in_string && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) continue;
        out += c;
        if (c == '"') in_string = !in_string;
        if (in_string && c == '\\') out += json[++i];
    }
    return out;
}

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

}  // namespace llm::test
