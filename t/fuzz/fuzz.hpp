#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "providers/provider.hpp"

// A fuzz target is one function over bytes. What must hold is demanded; the
// sanitizers demand the rest.
namespace llm::fuzz {

inline void demand(bool good)
{
    if (!good) std::abort();
}

// The first byte of an input steers, the others are the text.
struct Input {
    unsigned steer;
    std::string_view text;
};

inline Input split(const uint8_t* data, size_t size)
{
    if (size == 0) return {0, {}};
    return {data[0], {reinterpret_cast<const char*>(data) + 1, size - 1}};
}

#ifdef PROVIDER
inline const dialects::Dialect* dialect()
{
    return providers::find(PROVIDER)->chat.dialect;
}
#endif

// Every departure that answers of OpenAI's format can have.
inline constexpr dialects::Quirks kMends = {
    .answer = {.calls = true,
               .arguments = true,
               .content_parts = true,
               .reasoning = true,
               .finish = true,
               .role = true,
               .object = true,
               .usage = true,
               .empty_chunks = true},
    .usage = {.cached = dialects::Apart::told},
    .base_resp = true,
};

}  // namespace llm::fuzz
