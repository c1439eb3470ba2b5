#pragma once

#include "dialects/allowed_tools.hpp"
#include "dialects/anthropic/encoder.hpp"

namespace llm::anthropic {

// One element of `tools`; `index` is its place in the request, for an error.
bool write_tool(Encoder& e, const chat::Tool& tool, size_t index);

// The member `input_schema`, which must say that it is an object.
void write_input_schema(json::Writer& w, const json::Value* schema);

// Whether `input_schema` can say it: not of a list, a text or a choice of
// several schemas.
bool fits_input_schema(const json::Value& schema);

}  // namespace llm::anthropic
