#pragma once

#include <array>
#include <string_view>

#include "dialects/openai/openai.hpp"
#include "dialects/quirks.hpp"
#include "providers/provider.hpp"

// What the rows of several vendors have in common.
namespace llm::providers {

// A vendor of OpenAI's format: where, and how it departs from it.
constexpr Endpoint compatible(const dialects::Quirks& quirks, std::string_view path = "/chat/completions") noexcept
{
    return {.dialect = &openai::kDialect, .path = path, .quirks = &quirks};
}

}  // namespace llm::providers

namespace llm::providers::vendors {

using chat::CodeRow;
using chat::ErrorClass;
using chat::Param;
using dialects::Apart;
using dialects::Images;
using dialects::ParamSet;
using dialects::Quirks;
using dialects::Rename;
using Named = dialects::ToolQuirks::Named;

// What OpenAI alone has a word for, and what only Anthropic has; some vendors
// have taken one or another over.
inline constexpr ParamSet kOpenAiOnly = {
    Param::store,      Param::metadata,          Param::service_tier,           Param::prediction,
    Param::verbosity,  Param::safety_identifier, Param::prompt_cache_key,       Param::prompt_cache_options,
    Param::moderation, Param::modalities,        Param::prompt_cache_retention, Param::web_search_options,
    Param::audio,      Param::functions,         Param::function_call,          Param::cache_control,
};

inline constexpr std::array kMaxTokens = {Rename{Param::max_completion_tokens, "max_tokens"}};

// What this gateway adds to messages for those who sign their thinking.
inline constexpr std::array<std::string_view, 1> kOwnMembers = {"thinking_blocks"};
// For vendors that refuse members they do not know, in messages too.
inline constexpr std::array<std::string_view, 8> kStrictMembers = {
    "name", "refusal", "annotations", "audio", "function_call", "reasoning_content", "reasoning", "thinking_blocks",
};

}  // namespace llm::providers::vendors
