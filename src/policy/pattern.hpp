#pragma once

#include <cstddef>
#include <string_view>

namespace llm::policy {

// How a name in the configuration matches: `gpt-4o` exactly, `claude-*` by its
// prefix. (Regular expressions are the host's.)
struct Pattern {
    std::string_view text;  // without the `*`
    bool prefix = false;

    static constexpr Pattern parse(std::string_view s) noexcept
    {
        if (s.ends_with('*')) return {s.substr(0, s.size() - 1), true};
        return {s, false};
    }

    constexpr bool matches(std::string_view name) const noexcept
    {
        return prefix ? name.starts_with(text) : name == text;
    }

    // Of two patterns that match one name the one with the higher rank counts:
    // the exact one, then the longest prefix.
    constexpr size_t rank() const noexcept { return prefix ? text.size() : ~size_t{0}; }
};

}  // namespace llm::policy
