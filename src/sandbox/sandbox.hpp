#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// A stand-in for a provider, for trying a configuration without keys and
// network: it answers in the provider's own format, always the same to the
// same request. It is lenient; it is no judge of what the gateway sends.
namespace llm::sandbox {

enum class Format : uint8_t { openai, anthropic };

struct ToolUse {
    std::string name;       // insides of JSON strings
    std::string arguments;  // a JSON object
};

// What the sandbox is going to say.
struct Script {
    bool stream = false;
    bool include_usage = false;       // openai streams
    std::string model;                // inside of a JSON string
    std::vector<std::string> tokens;  // insides of JSON strings; their sum is the text
    std::vector<ToolUse> tools;       // called after the text, none or one
    bool cut = false;                 // max_tokens was reached
    int64_t prompt_tokens = 0;
    int64_t completion_tokens = 0;
};

// Reads a request of either format. The last user text comes back word by
// word; naming a tool that is offered, or a forced tool choice, calls it; a
// tool's result is repeated. False when the body is no request.
bool read_script(std::string_view body, Script& out);

// The answer as it goes over the wire: one piece for a whole answer, one an
// event for a stream. `created` is in seconds since the epoch.
std::vector<std::string> write_answer(Format format, const Script& script, int64_t created);

// A body of the format's error shape.
std::string write_error(Format format, int status);

}  // namespace llm::sandbox
