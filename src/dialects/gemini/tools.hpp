#pragma once

#include "dialects/allowed_tools.hpp"
#include "dialects/gemini/encoder.hpp"

namespace llm::gemini {

// Writes the members `tools` and `toolConfig` (wire format: gemini, section 5).
class ToolsWriter {
public:
    ToolsWriter(Encoder& e, const dialects::AllowedTools& allowed) : e_(e), r_(e.request), w_(e.w), allowed_(allowed) {}

    // `schema` is of the forced tool that stands for `response_format`, or null.
    bool write(chat::ToolChoice::Mode choice, const json::Value* schema);

private:
    bool write_functions(const json::Value* schema);
    bool write_function(const chat::Tool& t, size_t index);
    void write_parameters(const json::Value* schema);
    void write_json_tool(const json::Value& schema);
    void write_own_tool(const json::Value& tool);
    void write_config(chat::ToolChoice::Mode choice, const json::Value* schema);
    void write_allowed_names(chat::ToolChoice::Mode choice);

    Encoder& e_;
    const chat::Request& r_;
    json::Writer& w_;
    const dialects::AllowedTools& allowed_;
};

}  // namespace llm::gemini
