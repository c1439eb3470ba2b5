#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "chat/body.hpp"

namespace llm::chat {

// The canonical request for a chat: a superset of what the client formats can
// say.

// `function` is the deprecated forerunner of `tool`.
enum class Role : uint8_t { system, developer, user, assistant, tool, function };

enum class BlockKind : uint8_t {
    text,
    image,
    audio,
    file,
    refusal,
    thinking,           // text and signature
    redacted_thinking,  // opaque data
    tool_call,
    tool_result,
    other,  // a part this gateway does not know
};

// One piece of a message. Unused members are null.
struct Block {
    BlockKind kind = BlockKind::other;
    const Value* source = nullptr;   // the part; a string where content was one
    const Value* text = nullptr;     // text, refusal, thinking: a string
    const Value* id = nullptr;       // tool_call, tool_result: the call's id
    const Value* name = nullptr;     // tool_call: the function; file: its name
    const Value* data = nullptr;     // image: URL; audio, file: data; tool_call: arguments;
                                     // thinking: signature; redacted_thinking: data
    const Value* format = nullptr;   // audio: format; image: detail
    const Value* file_id = nullptr;  // file: uploaded before
    const Value* cache_control = nullptr;
    const Value* signature = nullptr;  // tool_call: the provider's, given back
    bool is_error = false;             // tool_result
    bool custom = false;               // tool_call: of a custom (grammar) tool
    std::span<const Block> content;    // tool_result: what the tool said
};

struct Message {
    Role role = Role::user;
    const Value* source = nullptr;
    const Value* name = nullptr;
    const Value* cache_control = nullptr;
    const Value* reasoning = nullptr;  // assistant: unsigned reasoning text
    std::span<const Block> blocks;
};

struct Tool {
    const Value* source = nullptr;
    const Value* name = nullptr;
    const Value* description = nullptr;
    const Value* parameters = nullptr;  // JSON Schema
    const Value* strict = nullptr;
    const Value* cache_control = nullptr;
    bool custom = false;  // a custom tool: free text instead of a schema
};

struct ToolChoice {
    enum class Mode : uint8_t { unset, none, automatic, required, named };
    Mode mode = Mode::unset;
    const Value* source = nullptr;
    const Value* name = nullptr;     // named
    const Value* allowed = nullptr;  // allowed_tools: the array, else null
};

struct OutputFormat {
    enum class Kind : uint8_t { text, json_object, json_schema };
    Kind kind = Kind::text;
    const Value* source = nullptr;
    const Value* name = nullptr;
    const Value* description = nullptr;
    const Value* schema = nullptr;
    const Value* strict = nullptr;
};

// Members of a request that are single values. A dialect says in a table what
// becomes of each.
enum class Param : uint8_t {
    temperature,
    top_p,
    top_k,
    max_tokens,
    max_completion_tokens,
    n,
    stop,
    presence_penalty,
    frequency_penalty,
    logit_bias,
    logprobs,
    top_logprobs,
    seed,
    parallel_tool_calls,
    reasoning_effort,
    thinking,
    verbosity,
    modalities,
    audio,
    prediction,
    web_search_options,
    store,
    metadata,
    service_tier,
    user,
    safety_identifier,
    prompt_cache_key,
    prompt_cache_options,
    prompt_cache_retention,
    cache_control,
    moderation,
    stream_options,
    functions,
    function_call,
    count_,
};
inline constexpr size_t kParams = static_cast<size_t>(Param::count_);

enum class ClientFormat : uint8_t { chat_completions };

struct Request : RequestBody {
    ClientFormat format = ClientFormat::chat_completions;

    bool stream = false;
    bool include_usage = false;  // stream_options.include_usage
    std::span<const Message> messages;
    std::span<const Tool> tools;
    ToolChoice tool_choice;
    OutputFormat output;
    std::array<const Value*, kParams> params{};

    const Value* param(Param p) const noexcept { return params[static_cast<size_t>(p)]; }
};

}  // namespace llm::chat
