// Names of models as a configuration gives them.
#include "policy/pattern.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace llm::test {

namespace {

using policy::Pattern;

TEST(Pattern, Matches)
{
    struct Row {
        std::string_view pattern, name;
        bool matches;
    };
    const Row rows[] = {
        {"gpt-4o", "gpt-4o", true},
        {"gpt-4o", "gpt-4o-mini", false},
        {"gpt-4o", "gpt-4", false},
        {"gpt-4o", "GPT-4o", false},
        {"claude-*", "claude-sonnet-4-5", true},
        {"claude-*", "claude-", true},
        {"claude-*", "claude", false},
        {"claude-*", "my-claude-x", false},
        {"*", "anything", true},
        {"*", "", true},
        {"", "", true},
        {"", "x", false},
        {"a*b", "a*b", true},  // only the last byte is special
        {"a*b", "axb", false},
        {"a**", "a*", true},
        {"a**", "ab", false},
        {"openai/*", "openai/gpt-4o", true},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(Pattern::parse(row.pattern).matches(row.name), row.matches) << row.pattern << " / " << row.name;
    }
}

TEST(Pattern, TheExactOneCountsThenTheLongest)
{
    std::vector<std::string_view> patterns = {"*", "gpt-4o*", "gpt-4o-mini", "gpt-*", "gpt-4o-mini-with-a-long-tail*"};
    std::sort(patterns.begin(), patterns.end(),
              [](auto a, auto b) { return Pattern::parse(a).rank() > Pattern::parse(b).rank(); });
    EXPECT_EQ(patterns,
              (std::vector<std::string_view>{"gpt-4o-mini", "gpt-4o-mini-with-a-long-tail*", "gpt-4o*", "gpt-*", "*"}));
}

}  // namespace

}  // namespace llm::test
