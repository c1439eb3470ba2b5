// The blocks of a message (wire format: anthropic, section 4).
#include "dialects/anthropic/content.hpp"

#include <algorithm>
#include <cstdint>

#include "base/base64.hpp"
#include "base/text.hpp"
#include "dialects/media.hpp"

namespace llm::anthropic {

namespace {

using namespace chat;
using namespace dialects;
using json::Value;

// An id Anthropic accepts for this one (^[a-zA-Z0-9_-]+$), the same for a call
// and its result. Unknown characters give way; a hash keeps ids apart.
std::string legal_id(std::string_view id)
{
    std::string out;
    uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
    for (char c : id) {
        bool legal = text::is_alpha(c) || text::is_digit(c) || c == '_' || c == '-';
        out += legal ? c : '_';
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    if (out == id && !out.empty()) return out;
    constexpr char kHex[] = "0123456789abcdef";
    out += '_';
    for (int shift = 60; shift >= 0; shift -= 4) out += kHex[(hash >> shift) & 0xf];
    return out;
}

// Nothing is written for such a block.
bool is_empty(const Block& b, Blanks& blanks)
{
    switch (b.kind) {
        case BlockKind::text:
        case BlockKind::refusal:
            return blanks.is_blank(*b.text);
        case BlockKind::thinking:
            return !is_signed(b);
        default:
            return false;
    }
}

bool has_signed_thinking(const Message& m) noexcept
{
    return std::any_of(m.blocks.begin(), m.blocks.end(), is_signed);
}

}  // namespace

bool is_signed(const Block& b) noexcept
{
    if (b.kind == BlockKind::redacted_thinking) return true;
    return b.kind == BlockKind::thinking && b.data && !b.data->body().empty();
}

bool has_content(const Message& m, Blanks& blanks)
{
    return !std::all_of(m.blocks.begin(), m.blocks.end(), [&](const Block& b) { return is_empty(b, blanks); });
}

const Block& last_block(const Message& m, Blanks& blanks)
{
    const Block* last = &m.blocks.back();
    while (is_empty(*last, blanks)) last--;
    return *last;
}

bool ContentWriter::write(const Message& m, const Block* prefill)
{
    message_ = &m;
    prefill_ = prefill;
    if (m.name && !e_.drop("messages.name")) return false;
    if (m.reasoning && !e_.blanks.is_blank(*m.reasoning) && !has_signed_thinking(m) &&
        !e_.drop("messages.reasoning_content")) {
        return false;
    }
    // The message's own cache_control belongs to its last block.
    const Block* cache_on = nullptr;
    for (const Block& b : m.blocks) {
        if (!is_empty(b, e_.blanks) && !is_signed(b)) cache_on = &b;
    }
    for (const Block& b : m.blocks) {
        part_ = static_cast<size_t>(&b - m.blocks.data());
        const Value* cache = b.cache_control ? b.cache_control : &b == cache_on ? m.cache_control : nullptr;
        if (!write_block(b, cache)) return false;
    }
    return true;
}

bool ContentWriter::write_block(const Block& b, const Value* cache)
{
    switch (b.kind) {
        case BlockKind::text:
        case BlockKind::refusal:
            return write_text(b, cache);
        case BlockKind::image:
            return write_image(b, cache);
        case BlockKind::file:
            return write_file(b, cache);
        case BlockKind::thinking:
            return write_thinking(b);
        case BlockKind::redacted_thinking: {
            auto block = w_.object();
            w_.string_member("type", "redacted_thinking");
            w_.member("data", *b.data);
            return true;
        }
        case BlockKind::tool_call:
            return write_call(b, cache);
        case BlockKind::tool_result:
            return write_result(b, cache);
        case BlockKind::audio:
        case BlockKind::other:
            break;
    }
    return e_.refuse(place("content"), "no content part of this type can be sent");
}

bool ContentWriter::write_text(const Block& b, const Value* cache)
{
    if (e_.blanks.is_blank(*b.text)) return true;
    // A prefill may not end in blanks.
    std::string_view body = &b == prefill_ ? trim_end(b.text->body()) : b.text->body();
    auto block = w_.object();
    w_.string_member("type", "text");
    w_.key("text").escaped(body);
    if (cache) w_.member("cache_control", *cache);
    return true;
}

// The pieces of a streamed block come back one by one; the one with the
// signature ends the block.
bool ContentWriter::write_thinking(const Block& b)
{
    if (!is_signed(b)) {
        thinking_from_ = thinking_from_ ? thinking_from_ : &b;
        bool ends_unsigned = &b == &message_->blocks.back() || (&b)[1].kind != BlockKind::thinking;
        if (!ends_unsigned) return true;
        thinking_from_ = nullptr;
        return e_.drop("messages.thinking_blocks");
    }
    const Block* from = thinking_from_ ? thinking_from_ : &b;
    thinking_from_ = nullptr;
    auto block = w_.object();
    w_.string_member("type", "thinking");
    w_.key("thinking").begin_string();
    for (; from <= &b; from++) w_.escaped_part(from->text->body());
    w_.end_string();
    w_.member("signature", *b.data);
    return true;
}

bool ContentWriter::write_image(const Block& b, const Value* cache)
{
    if (b.format && !b.format->is("auto") && !e_.drop("messages.image_url.detail")) return false;
    std::string decoded;
    std::string_view url = plain(*b.data, decoded);
    auto block = w_.object();
    w_.string_member("type", "image");
    {
        auto source = w_.object("source");
        if (is_data_url(url)) {
            DataUrl parts = split_data_url(url);
            if (!parts.ok) return e_.refuse(place("image_url.url"), "a data URL must be base64");
            write_base64(text::iequals(parts.media, "image/jpg") ? "image/jpeg" : parts.media, parts.data, decoded);
        } else {
            w_.string_member("type", "url");
            w_.member("url", *b.data);
        }
    }
    if (cache) w_.member("cache_control", *cache);
    return true;
}

void ContentWriter::write_base64(std::string_view media, std::string_view data, const std::string& decoded)
{
    w_.string_member("type", "base64");
    w_.string_member("media_type", media);
    w_.key("data");
    // `data` is a slice of the body, or of a copy that dies with this call.
    if (decoded.empty()) {
        w_.escaped(data);
    } else {
        w_.string(data);
    }
}

bool ContentWriter::write_file(const Block& b, const Value* cache)
{
    auto block = w_.object();
    w_.string_member("type", "document");
    if (!write_document(b)) return false;
    if (b.name && !e_.blanks.is_blank(*b.name)) w_.member("title", *b.name);
    if (cache) w_.member("cache_control", *cache);
    return true;
}

bool ContentWriter::write_document(const Block& b)
{
    auto source = w_.object("source");
    if (b.file_id) {
        w_.string_member("type", "file");
        w_.member("file_id", *b.file_id);
        return true;
    }
    if (!b.data) return e_.refuse(place("file"), "it has neither file_data nor file_id");

    std::string decoded;
    std::string_view data = plain(*b.data, decoded);
    DataUrl parts = split_data_url(data);
    if (!parts.ok && !is_data_url(data)) parts = guess_media(data, b.name);
    if (parts.media == "application/pdf") {
        write_base64(parts.media, parts.data, decoded);
        return true;
    }
    std::string text;
    if (!parts.media.starts_with("text/") || !base64_decode(parts.data, text)) {
        return e_.refuse(place("file.file_data"), "only base64 of PDF and text files can be sent");
    }
    w_.string_member("type", "text");
    w_.string_member("media_type", "text/plain");
    w_.string_member("data", text);
    return true;
}

bool ContentWriter::write_call(const Block& b, const Value* cache)
{
    if (b.custom) return e_.refuse(place("tool_calls"), "custom tools cannot be sent");
    auto block = w_.object();
    w_.string_member("type", "tool_use");
    w_.string_member("id", legal_id(b.id->text()));
    w_.member("name", *b.name);
    write_arguments(w_.key("input"), *b.data);
    if (cache) w_.member("cache_control", *cache);
    return true;
}

bool ContentWriter::write_result(const Block& b, const Value* cache)
{
    auto block = w_.object();
    w_.string_member("type", "tool_result");
    w_.string_member("tool_use_id", legal_id(b.id->text()));
    bool any = false;
    for (const Block& part : b.content) any = any || !is_empty(part, e_.blanks);
    if (any) {
        auto content = w_.array("content");
        for (const Block& part : b.content) {
            part_ = static_cast<size_t>(&part - b.content.data());
            if (part.kind != BlockKind::text && part.kind != BlockKind::image && part.kind != BlockKind::file) {
                return e_.refuse(place("content"), "a tool result can hold texts, images and files");
            }
            if (!write_block(part, part.cache_control)) return false;
        }
    }
    if (b.is_error) w_.key("is_error").boolean(true);
    if (cache) w_.member("cache_control", *cache);
    return true;
}

std::string ContentWriter::place(const Message& m, std::string_view member) const
{
    size_t index = static_cast<size_t>(&m - e_.request.messages.data());
    return "messages[" + std::to_string(index) + "]." + std::string(member);
}

// Name of the place that is being written, for an error.
std::string ContentWriter::place(std::string_view member) const
{
    const Value* content = message_->source->get("content");
    if (!content || !content->is_array() || message_->role == Role::assistant) return place(*message_, member);
    std::string part = "content[" + std::to_string(part_) + ']';
    return place(*message_, member == "content" ? part : part + '.' + std::string(member));
}

}  // namespace llm::anthropic
