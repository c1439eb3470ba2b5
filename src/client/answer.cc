#include "client/answer.hpp"

#include "json/document.hpp"

namespace llm::client {

using json::Writer;

chat::Text answer_id(const chat::Text& given, const AnswerOptions& options) noexcept
{
    if (given.empty() || given.bytes.size() > kMaxName) return {options.id, false};
    return given;
}

chat::Text answer_model(const chat::Text& given, const AnswerOptions& options) noexcept
{
    if (!options.model.empty()) return {options.model, false};
    // Text that is no JSON yet is mended where a cut goes through a character.
    std::string_view bytes = given.bytes;
    return {given.escaped ? json::escaped_prefix(bytes, kMaxName) : bytes.substr(0, kMaxName), given.escaped};
}

void write_text(Writer& w, const chat::Text& text)
{
    if (text.escaped) {
        w.escaped(text.bytes);
    } else {
        w.string(text.bytes);
    }
}

void append_inside(Rope& out, const chat::Text& text)
{
    if (text.escaped) {
        out.append(text.bytes);
    } else {
        json::append_escaped(out, text.bytes);
    }
}

std::string inside_of(const chat::Text& text)
{
    Rope out;
    append_inside(out, text);
    return out.str();
}

void write_inside(Writer& w, const Rope& inside)
{
    w.begin_string();
    for (std::string_view piece : inside.pieces()) w.escaped_part(piece);
    w.end_string();
}

}  // namespace llm::client
