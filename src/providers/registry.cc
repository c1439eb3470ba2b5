#include <array>

#include "dialects/anthropic/anthropic.hpp"
#include "dialects/openai/openai.hpp"
#include "providers/provider.hpp"

namespace llm::providers {

namespace {

// 2023-06-01 is the version whose requests still have the sampling members;
// an operator may set another one with `header`.
constexpr std::array kAnthropicHeaders = {Header{"anthropic-version", "2023-06-01"}};

constexpr std::array kProviders = {
    Provider{
        .name = "openai",
        .base = "/v1",
        .chat = {.dialect = &openai::kDialect, .path = "/chat/completions"},
        .embeddings = {.codec = &openai::kEmbeddings, .path = "/embeddings"},
        .rerank = {.codec = &openai::kRerank, .path = "/rerank"},
    },
    Provider{
        .name = "anthropic",
        .auth = Auth::x_api_key,
        .base = "/v1",
        .chat = {.dialect = &anthropic::kDialect, .path = "/messages"},
        .headers = kAnthropicHeaders,
    },
};

}  // namespace

std::span<const Provider> all() noexcept
{
    return kProviders;
}

const Provider* find(std::string_view name) noexcept
{
    for (const Provider& p : kProviders) {
        if (p.name == name) return &p;
    }
    return nullptr;
}

}  // namespace llm::providers
