// `messages` of a chat completions request (wire format: openai-chat, section 3).
#include "client/completions/reader.hpp"

#include <array>

namespace llm::completions {

namespace {

using namespace chat;
using namespace client;

struct RoleName {
    std::string_view name;
    Role role;
};
constexpr std::array kRoles = {
    RoleName{"user", Role::user}, RoleName{"assistant", Role::assistant}, RoleName{"system", Role::system},
    RoleName{"tool", Role::tool}, RoleName{"developer", Role::developer}, RoleName{"function", Role::function},
};

// A block that is a bare string.
Block plain(BlockKind kind, const Value& text)
{
    Block b;
    b.kind = kind;
    b.source = b.text = &text;
    return b;
}

// The provider's signature of a call, where Google's compatible endpoint puts it
// or where other gateways do. What has another shape is nobody's signature.
const Value* signature_of(const Value& call)
{
    const Value* extra = call.get("extra_content");
    const Value* of_google = extra ? extra->get("google") : nullptr;
    if (!of_google) of_google = call.get("provider_specific_fields");
    const Value* signature = of_google ? of_google->get("thought_signature") : nullptr;
    return signature && signature->is_string() && !signature->body().empty() ? signature : nullptr;
}

class MessageReader {
public:
    explicit MessageReader(Checker& c) noexcept : c_(c) {}

    bool read(const Value& v)
    {
        if (!c_.check(v, kArray, {}, "messages")) return false;
        if (v.size() == 0) return c_.bad("messages", "Invalid 'messages': the array is empty.", "empty_array");
        std::span<Message> messages = c_.allocate<Message>(v.size());
        size_t i = 0;
        for (const Value& item : v) {
            if (!read_message(item, Place{"messages", i}, messages[i])) return false;
            i++;
        }
        c_.request.messages = messages;
        return true;
    }

private:
    bool read_role(const Value& v, const Place& place, Role& role)
    {
        const Value* name = nullptr;
        if (!c_.need(v, "role", kString, place, "role", name)) return false;
        for (const RoleName& known : kRoles) {
            if (!name->is(known.name)) continue;
            role = known.role;
            return true;
        }
        return c_.bad(place / "role",
                      "Invalid '" + place / "role" +
                          "': expected one of 'system', 'developer', 'user', 'assistant', 'tool' and 'function'.",
                      "invalid_value");
    }

    bool read_message(const Value& v, const Place& place, Message& m)
    {
        if (!c_.check(v, kObject, place, "") || !read_role(v, place, m.role)) return false;
        m.source = &v;
        m.cache_control = v.get("cache_control");
        if (!c_.take(v, "name", kString, place, "name", m.name)) return false;

        const Value* content;
        if (!c_.take(v, "content", kString | kArray, place, "content", content)) return false;
        if (m.role == Role::tool) return read_tool_message(v, content, place, m);

        const Value* calls = nullptr;
        const Value* thinking = nullptr;
        const Value* refusal = nullptr;
        if (m.role == Role::assistant) {
            if (!c_.take(v, "tool_calls", kArray, place, "tool_calls", calls)) return false;
            if (!c_.take(v, "thinking_blocks", kArray, place, "thinking_blocks", thinking)) return false;
            if (!c_.take(v, "reasoning_content", kString, place, "reasoning_content", m.reasoning)) return false;
            if (!c_.take(v, "refusal", kString, place, "refusal", refusal)) return false;
        }
        bool may_be_empty = m.role == Role::function || calls || refusal || v.get("function_call") || v.get("audio");
        if (!content && !may_be_empty) return c_.missing(place / "content");

        size_t parts = !content ? 0 : content->is_string() ? 1 : content->size();
        std::span<Block> blocks = c_.allocate<Block>((thinking ? thinking->size() : 0) + parts + (refusal ? 1 : 0) +
                                                     (calls ? calls->size() : 0));
        m.blocks = blocks;
        size_t at = 0;
        if (thinking && !read_thinking(*thinking, place, blocks, at)) return false;
        if (content && !read_content(*content, place, blocks, at)) return false;
        if (refusal) blocks[at++] = plain(BlockKind::refusal, *refusal);
        return !calls || read_calls(*calls, place, blocks, at);
    }

    bool read_tool_message(const Value& v, const Value* content, const Place& place, Message& m)
    {
        std::span<Block> block = c_.allocate<Block>(1);
        block[0].kind = BlockKind::tool_result;
        block[0].source = &v;
        block[0].cache_control = m.cache_control;
        const Value* failed = v.get("is_error");
        block[0].is_error = failed && failed->is_true();
        if (!c_.need(v, "tool_call_id", kString, place, "tool_call_id", block[0].id)) return false;
        if (!content) return c_.missing(place / "content");

        std::span<Block> parts = c_.allocate<Block>(content->is_string() ? 1 : content->size());
        size_t at = 0;
        if (!read_content(*content, place, parts, at)) return false;
        block[0].content = parts;
        m.blocks = block;
        return true;
    }

    bool read_content(const Value& content, Place place, std::span<Block> blocks, size_t& at)
    {
        if (content.is_string()) {
            blocks[at++] = plain(BlockKind::text, content);
            return true;
        }
        place.inner = "content";
        place.inner_index = 0;
        for (const Value& part : content) {
            if (!read_part(part, place, blocks[at++])) return false;
            place.inner_index++;
        }
        return true;
    }

    bool read_part(const Value& v, const Place& place, Block& b)
    {
        const Value* type = nullptr;
        if (!c_.check(v, kObject, place, "") || !c_.need(v, "type", kString, place, "type", type)) return false;
        b.source = &v;
        b.cache_control = v.get("cache_control");

        if (type->is("text")) {
            b.kind = BlockKind::text;
            return c_.need(v, "text", kString, place, "text", b.text);
        }
        if (type->is("refusal")) {
            b.kind = BlockKind::refusal;
            return c_.need(v, "refusal", kString, place, "refusal", b.text);
        }
        if (type->is("image_url")) return read_image(v, place, b);
        if (type->is("input_audio")) {
            const Value* audio = nullptr;
            b.kind = BlockKind::audio;
            return c_.need(v, "input_audio", kObject, place, "input_audio", audio) &&
                   c_.need(*audio, "data", kString, place, "input_audio.data", b.data) &&
                   c_.need(*audio, "format", kString, place, "input_audio.format", b.format);
        }
        if (type->is("file")) {
            const Value* file = nullptr;
            b.kind = BlockKind::file;
            return c_.need(v, "file", kObject, place, "file", file) &&
                   c_.take(*file, "file_data", kString, place, "file.file_data", b.data) &&
                   c_.take(*file, "file_id", kString, place, "file.file_id", b.file_id) &&
                   c_.take(*file, "filename", kString, place, "file.filename", b.name);
        }
        b.kind = BlockKind::other;
        return true;
    }

    bool read_image(const Value& v, const Place& place, Block& b)
    {
        const Value* image = nullptr;
        b.kind = BlockKind::image;
        // Some servers of the family take the URL without the object around it.
        if (!c_.need(v, "image_url", kObject | kString, place, "image_url", image)) return false;
        if (image->is_string()) {
            b.data = image;
            return true;
        }
        return c_.need(*image, "url", kString, place, "image_url.url", b.data) &&
               c_.take(*image, "detail", kString, place, "image_url.detail", b.format);
    }

    bool read_thinking(const Value& list, Place place, std::span<Block> blocks, size_t& at)
    {
        place.inner = "thinking_blocks";
        place.inner_index = 0;
        for (const Value& v : list) {
            Block& b = blocks[at++];
            const Value* type = nullptr;
            if (!c_.check(v, kObject, place, "") || !c_.need(v, "type", kString, place, "type", type)) return false;
            b.source = &v;
            if (type->is("redacted_thinking")) {
                b.kind = BlockKind::redacted_thinking;
                if (!c_.need(v, "data", kString, place, "data", b.data)) return false;
            } else {
                b.kind = BlockKind::thinking;
                if (!c_.need(v, "thinking", kString, place, "thinking", b.text)) return false;
                if (!c_.take(v, "signature", kString, place, "signature", b.data)) return false;
            }
            place.inner_index++;
        }
        return true;
    }

    bool read_calls(const Value& list, Place place, std::span<Block> blocks, size_t& at)
    {
        place.inner = "tool_calls";
        place.inner_index = 0;
        for (const Value& v : list) {
            Block& b = blocks[at++];
            if (!c_.check(v, kObject, place, "") || !c_.need(v, "id", kString, place, "id", b.id)) return false;
            b.kind = BlockKind::tool_call;
            b.source = &v;
            b.signature = signature_of(v);
            const Value* body = v.get("custom");
            b.custom = body && body->is_object();
            if (b.custom) {
                if (!c_.need(*body, "name", kString, place, "custom.name", b.name)) return false;
                if (!c_.need(*body, "input", kString, place, "custom.input", b.data)) return false;
            } else {
                if (!c_.need(v, "function", kObject, place, "function", body)) return false;
                if (!c_.need(*body, "name", kString, place, "function.name", b.name)) return false;
                if (!c_.need(*body, "arguments", kString, place, "function.arguments", b.data)) return false;
            }
            place.inner_index++;
        }
        return true;
    }

    Checker& c_;
};

}  // namespace

bool read_messages(Checker& c, const Value& v)
{
    return MessageReader(c).read(v);
}

}  // namespace llm::completions
