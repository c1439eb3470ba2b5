#pragma once

#include <string>

#include "dialects/gemini/encoder.hpp"

namespace llm::gemini {

// A call of an earlier turn, as its result needs it.
struct Call {
    const json::Value* name = nullptr;
    size_t order = 0;  // among all calls of the conversation
};

// Whether any part will be written for a message: empty texts are refused by
// the provider and left out.
bool has_parts(const chat::Message& m) noexcept;

// Writes the elements of `parts`.
class PartWriter {
public:
    explicit PartWriter(Encoder& e) noexcept : e_(e), w_(e.w) {}

    // Of a message of the user's or the system's, or the assistant's.
    bool write(const chat::Message& m);

    // Of a tool message. Media that functionResponse cannot hold stand beside it.
    bool write_result(const chat::Message& m, const Call& call);

    // A turn of the model's begins: its first call must be signed.
    void begin_turn() noexcept { first_call_ = true; }

    void write_text(std::string_view text);

    // Name of the message's member for an error: messages[3].role.
    std::string place(const chat::Message& m, std::string_view member) const;

private:
    bool write_block(const chat::Block& b);
    bool write_image(const chat::Block& b);
    bool write_audio(const chat::Block& b);
    bool write_file(const chat::Block& b);
    bool write_call(const chat::Block& b);
    void write_response(const chat::Block& b);
    bool write_media(const chat::Block& b);
    bool plan_signatures(const chat::Message& m);
    void write_data(std::string_view media, std::string_view data, bool decoded);
    std::string_view media_of_url(std::string_view url, std::string_view likely) const noexcept;
    void write_uri(std::string_view media, const json::Value& uri);
    std::string place(std::string_view member) const;

    Encoder& e_;
    json::Writer& w_;
    const chat::Message* message_ = nullptr;
    size_t part_ = 0;
    bool first_call_ = false;
    const chat::Block* last_text_ = nullptr;       // of the message, and
    const json::Value* text_signature_ = nullptr;  // what it is signed with
};

}  // namespace llm::gemini
