#include "providers/provider.hpp"

namespace llm::providers {

chat::Needs lacks(const Endpoint& endpoint) noexcept
{
    const dialects::RequestQuirks& quirks = endpoint.quirks->request;
    chat::Needs needs;
    if (!quirks.tools.taken) needs |= chat::Need::tools;
    if (!quirks.format.json_schema) needs |= chat::Need::json_schema;
    if (quirks.images == dialects::Images::none) needs |= chat::Need::images;
    return needs;
}

}  // namespace llm::providers
