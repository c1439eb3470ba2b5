#pragma once

#include "dialects/encoding.hpp"
#include "json/splice.hpp"

// A request in the client's own bytes, changed where the vendor's quirks ask for
// it (quirks.hpp).
namespace llm::openai {

struct Adapter : dialects::Encoding {
    Adapter(const dialects::Encoding& e, json::Splice& to) noexcept
        : dialects::Encoding(e), quirks(options.quirks->request), splice(to)
    {
    }

    const dialects::RequestQuirks& quirks;
    json::Splice& splice;
};

// Members with single values: what is renamed, dropped and refused.
bool adapt_params(Adapter& a);

// Members by which clients choose targets.
bool adapt_routing(Adapter& a);

// `messages`.
bool adapt_messages(Adapter& a);

// Anthropic's mark on a part, a message or a tool.
bool drop_cache_control(Adapter& a, const json::Value& object, const json::Value& member);

// `tools`, `tool_choice` and `response_format`.
bool adapt_tools(Adapter& a);
bool adapt_format(Adapter& a);

}  // namespace llm::openai
