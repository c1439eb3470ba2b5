#pragma once

#include <string>
#include <unordered_set>

#include "dialects/anthropic/encoder.hpp"

namespace llm::anthropic {

// tool_choice allowed_tools: which of the request's tools are offered.
class AllowedTools {
public:
    explicit AllowedTools(const chat::Request& request);

    bool has(const chat::Tool& tool) const;

    // A list that lets none of the tools through. The provider wants at least
    // one of them, so all are sent and none may be called.
    bool none() const noexcept { return none_; }

private:
    bool limited_ = false;
    bool none_ = false;
    std::unordered_set<std::string> names_;
};

// One element of `tools`; `index` is its place in the request, for an error.
bool write_tool(Encoder& e, const chat::Tool& tool, size_t index);

// The member `input_schema`, which must say that it is an object.
void write_input_schema(json::Writer& w, const json::Value* schema);

// Whether `input_schema` can say it: not of a list, a text or a choice of
// several schemas.
bool fits_input_schema(const json::Value& schema);

}  // namespace llm::anthropic
