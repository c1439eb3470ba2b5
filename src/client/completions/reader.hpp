#pragma once

#include "client/checker.hpp"

// The parts of a chat completions request's reader.
namespace llm::completions {

// `messages` (messages.cc).
bool read_messages(client::Checker& c, const json::Value& v);

// `tools`, `tool_choice` and `response_format` (tools.cc).
bool read_tools(client::Checker& c, const json::Value& v, size_t max_tools);
bool read_tool_choice(client::Checker& c, const json::Value& v, size_t max_tools);
bool read_response_format(client::Checker& c, const json::Value& v);

}  // namespace llm::completions
