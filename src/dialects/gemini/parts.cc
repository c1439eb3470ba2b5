// The parts of a content (wire format: gemini, sections 2, 3 and 4).
#include "dialects/gemini/parts.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "dialects/media.hpp"

namespace llm::gemini {

namespace {

using namespace chat;
using namespace dialects;
using json::Value;

// Stands for a signature that the client has lost or another model never gave.
constexpr std::string_view kNoSignature = "skip_thought_signature_validator";

struct Ending {
    std::string_view end;
    std::string_view media;
};
// By the ends of URLs' paths: a URL does not say what it is of.
constexpr std::array kEndings = {
    Ending{".png", "image/png"},       Ending{".jpg", "image/jpeg"}, Ending{".jpeg", "image/jpeg"},
    Ending{".webp", "image/webp"},     Ending{".gif", "image/gif"},  Ending{".heic", "image/heic"},
    Ending{".pdf", "application/pdf"}, Ending{".mp4", "video/mp4"},  Ending{".txt", "text/plain"},
};

bool is_text(const Block& b) noexcept
{
    return b.kind == BlockKind::text || b.kind == BlockKind::refusal;
}

bool is_empty_text(const Block& b) noexcept
{
    return is_text(b) && b.text->body().empty();
}

bool is_thinking(const Block& b) noexcept
{
    return b.kind == BlockKind::thinking || b.kind == BlockKind::redacted_thinking;
}

// Gemini signs the answer's own parts: its blocks bring a signature and no text.
// One with both is another provider's.
const Value* signature_of(const Block& b) noexcept
{
    bool own = b.kind == BlockKind::thinking && b.text->body().empty() && b.data && !b.data->body().empty();
    return own ? b.data : nullptr;
}

bool is_signed(const Message& m) noexcept
{
    return std::any_of(m.blocks.begin(), m.blocks.end(), [](const Block& b) { return b.signature || signature_of(b); });
}

}  // namespace

bool has_parts(const Message& m) noexcept
{
    return std::any_of(m.blocks.begin(), m.blocks.end(),
                       [](const Block& b) { return is_thinking(b) ? signature_of(b) != nullptr : !is_empty_text(b); });
}

bool PartWriter::write(const Message& m)
{
    message_ = &m;
    if (m.name && !e_.drop("messages.name")) return false;
    if (m.cache_control && !e_.drop("messages.cache_control")) return false;
    if (m.reasoning && !m.reasoning->body().empty() && !is_signed(m) && !e_.drop("messages.reasoning_content")) {
        return false;
    }
    if (!plan_signatures(m)) return false;
    for (const Block& b : m.blocks) {
        part_ = static_cast<size_t>(&b - m.blocks.data());
        if (!write_block(b)) return false;
    }
    return true;
}

// The answer's signature goes back on its text, any other one on an empty part.
bool PartWriter::plan_signatures(const Message& m)
{
    last_text_ = nullptr;
    text_signature_ = nullptr;
    bool foreign = false;
    for (const Block& b : m.blocks) {
        if (is_text(b) && !is_empty_text(b)) last_text_ = &b;
        if (signature_of(b)) text_signature_ = signature_of(b);
        bool has_signature = b.kind == BlockKind::redacted_thinking || (b.data && !b.data->body().empty());
        foreign |= is_thinking(b) && !signature_of(b) && (has_signature || !is_signed(m));
    }
    return !foreign || e_.drop("messages.thinking_blocks");
}

bool PartWriter::write_block(const Block& b)
{
    if (b.cache_control && !e_.drop("messages.cache_control")) return false;
    switch (b.kind) {
        case BlockKind::text:
        case BlockKind::refusal: {
            if (is_empty_text(b)) return true;
            auto part = w_.object();
            w_.member("text", *b.text);
            if (&b == last_text_ && text_signature_) w_.member("thoughtSignature", *text_signature_);
            return true;
        }
        case BlockKind::thinking: {
            const Value* signature = signature_of(b);
            if (!signature || (signature == text_signature_ && last_text_)) return true;
            auto part = w_.object();
            w_.string_member("text", "");
            w_.member("thoughtSignature", *signature);
            return true;
        }
        case BlockKind::redacted_thinking:
            return true;
        case BlockKind::tool_call:
            return write_call(b);
        case BlockKind::image:
        case BlockKind::audio:
        case BlockKind::file: {
            auto part = w_.object();
            return write_media(b);
        }
        default:
            break;
    }
    return e_.refuse(place("content"), "no content part of this type can be sent");
}

// Vertex AI wants to be told what is there: `likely`, where the URL does not tell.
std::string_view PartWriter::media_of_url(std::string_view url, std::string_view likely) const noexcept
{
    url = url.substr(0, url.find_first_of("?#"));
    for (const Ending& e : kEndings) {
        if (url.size() >= e.end.size() && text::iequals(url.substr(url.size() - e.end.size()), e.end)) return e.media;
    }
    return e_.vertex ? likely : std::string_view();
}

void PartWriter::write_text(std::string_view text)
{
    auto part = w_.object();
    w_.string_member("text", text);
}

bool PartWriter::write_media(const Block& b)
{
    if (b.kind == BlockKind::image) return write_image(b);
    return b.kind == BlockKind::audio ? write_audio(b) : write_file(b);
}

bool PartWriter::write_image(const Block& b)
{
    if (b.format && !b.format->is("auto") && !e_.drop("messages.image_url.detail")) return false;
    std::string decoded;
    std::string_view url = plain(*b.data, decoded);
    if (!is_data_url(url)) {
        write_uri(media_of_url(url, "image/jpeg"), *b.data);
        return true;
    }
    DataUrl parts = split_data_url(url);
    if (!parts.ok) return e_.refuse(place("image_url.url"), "a data URL must be base64");
    std::string_view media = text::iequals(parts.media, "image/jpg") ? "image/jpeg" : parts.media;
    write_data(media, parts.data, !decoded.empty());
    return true;
}

bool PartWriter::write_audio(const Block& b)
{
    std::string decoded;
    std::string_view data = plain(*b.data, decoded);
    write_data("audio/" + b.format->text(), data, !decoded.empty());
    return true;
}

bool PartWriter::write_file(const Block& b)
{
    if (b.file_id) {
        std::string decoded;
        write_uri(media_of_url(plain(*b.file_id, decoded), "application/pdf"), *b.file_id);
        return true;
    }
    if (!b.data) return e_.refuse(place("file"), "it has neither file_data nor file_id");
    std::string decoded;
    std::string_view data = plain(*b.data, decoded);
    DataUrl parts = is_data_url(data) ? split_data_url(data) : guess_media(data, b.name);
    if (!parts.ok) return e_.refuse(place("file.file_data"), "it must be a base64 data URL that names its media type");
    write_data(parts.media, parts.data, !decoded.empty());
    return true;
}

// `data` is a slice of the body, or of a copy that dies with the caller.
void PartWriter::write_data(std::string_view media, std::string_view data, bool decoded)
{
    auto blob = w_.object("inlineData");
    w_.string_member("mimeType", media);
    w_.key("data");
    if (decoded) {
        w_.string(data);
    } else {
        w_.escaped(data);
    }
}

void PartWriter::write_uri(std::string_view media, const Value& uri)
{
    auto file = w_.object("fileData");
    if (!media.empty()) w_.string_member("mimeType", media);
    w_.member("fileUri", uri);
}

bool PartWriter::write_call(const Block& b)
{
    if (b.custom) return e_.refuse(place("tool_calls"), "custom tools cannot be sent");
    auto part = w_.object();
    {
        auto call = w_.object("functionCall");
        if (!e_.vertex) w_.member("id", *b.id);
        w_.member("name", *b.name);
        write_arguments(w_.key("args"), *b.data);
    }
    if (b.signature) {
        w_.member("thoughtSignature", *b.signature);
    } else if (first_call_ && e_.rules.signatures) {
        w_.string_member("thoughtSignature", kNoSignature);
    }
    first_call_ = false;
    return true;
}

bool PartWriter::write_result(const Message& m, const Call& call)
{
    message_ = &m;
    const Block& b = m.blocks.front();
    if (b.cache_control && !e_.drop("messages.cache_control")) return false;
    bool media = false;
    for (const Block& part : b.content) {
        part_ = static_cast<size_t>(&part - b.content.data());
        bool fits = is_text(part) || part.kind == BlockKind::image || part.kind == BlockKind::file;
        if (!fits) return e_.refuse(place("content"), "a tool result can hold texts, images and files");
        media |= !is_text(part);
    }
    auto write_all_media = [&] {
        for (const Block& part : b.content) {
            part_ = static_cast<size_t>(&part - b.content.data());
            if (is_text(part)) continue;
            auto object = w_.object();
            if (!write_media(part)) return false;
        }
        return true;
    };
    {
        auto part = w_.object();
        auto result = w_.object("functionResponse");
        if (!e_.vertex) w_.member("id", *b.id);
        w_.member("name", *call.name);
        write_response(b);
        if (media && e_.rules.result_media) {
            auto parts = w_.array("parts");
            if (!write_all_media()) return false;
        }
    }
    return !media || e_.rules.result_media || write_all_media();
}

// An object goes as the tool wrote it; any other text is said to be its output.
void PartWriter::write_response(const Block& b)
{
    w_.key("response");
    if (b.content.size() == 1 && is_text(b.content.front()) && !b.is_error) {
        std::string text = b.content.front().text->text();
        json::Document doc;
        if (doc.parse(text, json::Mode::strict).ok() && doc.root().is_object()) return w_.copy(doc.root().raw());
    }
    auto response = w_.object();
    w_.key(b.is_error ? "error" : "output").begin_string();
    bool first = true;
    for (const Block& part : b.content) {
        if (!is_text(part)) continue;
        if (!first) w_.part("\n");
        first = false;
        w_.escaped_part(part.text->body());
    }
    w_.end_string();
}

std::string PartWriter::place(const Message& m, std::string_view member) const
{
    size_t index = static_cast<size_t>(&m - e_.request.messages.data());
    return "messages[" + std::to_string(index) + "]." + std::string(member);
}

// Name of the place that is being written, for an error.
std::string PartWriter::place(std::string_view member) const
{
    const Value* content = message_->source->get("content");
    if (!content || !content->is_array() || message_->role == Role::assistant) return place(*message_, member);
    std::string part = "content[" + std::to_string(part_) + ']';
    return place(*message_, member == "content" ? part : part + '.' + std::string(member));
}

}  // namespace llm::gemini
