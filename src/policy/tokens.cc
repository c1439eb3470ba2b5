#include "policy/tokens.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace llm::policy {

namespace {

using chat::Block;
using chat::BlockKind;
using chat::Param;
using json::Value;

constexpr int64_t kMessage = 4;
constexpr int64_t kAnswer = 3;
constexpr int64_t kTool = 8;
constexpr int64_t kImage = 1600;
constexpr int64_t kSmallImage = 85;
constexpr int64_t kAudioBytes = 1000;
constexpr int64_t kFileBytes = 16;
constexpr int64_t kFile = 2000;
constexpr int64_t kMost = std::numeric_limits<int32_t>::max();

int64_t other_bytes(std::string_view text) noexcept
{
    constexpr uint64_t kHighBits = 0x8080808080808080;
    int64_t n = 0;
    for (; text.size() >= sizeof(uint64_t); text.remove_prefix(sizeof(uint64_t))) {
        uint64_t word;
        std::memcpy(&word, text.data(), sizeof(word));
        n += std::popcount(word & kHighBits);
    }
    for (char c : text) n += static_cast<unsigned char>(c) >> 7;
    return n;
}

int64_t size_of(const Value* v) noexcept
{
    return v ? static_cast<int64_t>(v->body().size()) : 0;
}

// The inside of a string, anything else as it is written.
int64_t value_tokens(const Value* v) noexcept
{
    if (!v) return 0;
    return text_tokens(v->is_string() ? v->body() : v->raw());
}

int64_t block_tokens(const Block& b) noexcept
{
    switch (b.kind) {
        case BlockKind::image:
            return b.format && b.format->is("low") ? kSmallImage : kImage;
        case BlockKind::audio:
            return size_of(b.data) / kAudioBytes + 1;
        case BlockKind::file:
            return std::max(size_of(b.data) / kFileBytes, kFile);
        case BlockKind::tool_call:
            return value_tokens(b.name) + value_tokens(b.data);
        case BlockKind::other:
            return value_tokens(b.source);
        default:
            break;
    }
    int64_t n = value_tokens(b.text) + (b.kind == BlockKind::redacted_thinking ? value_tokens(b.data) : 0);
    for (const Block& part : b.content) n += block_tokens(part);
    return n;
}

int64_t count(const Value* v, int64_t otherwise) noexcept
{
    auto n = v ? v->to_uint() : std::nullopt;
    return n ? static_cast<int64_t>(std::min<uint64_t>(*n, kMost)) : otherwise;
}

}  // namespace

int64_t text_tokens(std::string_view text) noexcept
{
    int64_t other = other_bytes(text);
    int64_t ascii = static_cast<int64_t>(text.size()) - other;
    return (ascii + 3) / 4 + (other + 1) / 2;
}

Tokens estimate(const chat::Request& request) noexcept
{
    Tokens tokens;
    tokens.input = kAnswer;
    for (const chat::Message& m : request.messages) {
        tokens.input += kMessage + value_tokens(m.reasoning);
        for (const Block& b : m.blocks) tokens.input += block_tokens(b);
    }
    for (const chat::Tool& tool : request.tools) tokens.input += kTool + value_tokens(tool.source);
    tokens.input += value_tokens(request.param(Param::functions)) + value_tokens(request.output.schema);

    const Value* most = request.param(Param::max_completion_tokens);
    if (!most) most = request.param(Param::max_tokens);
    tokens.output = count(most, kUsualOutput) * std::max<int64_t>(count(request.param(Param::n), 1), 1);
    return tokens;
}

}  // namespace llm::policy
