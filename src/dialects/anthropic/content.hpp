#pragma once

#include "dialects/anthropic/encoder.hpp"

namespace llm::anthropic {

// Whether anything will be written for a message: blank texts and unsigned
// thinking are refused by the provider and left out.
bool has_content(const chat::Message& m, Blanks& blanks);

// Thinking that the provider has signed and takes back.
bool is_signed(const chat::Block& b) noexcept;

// Its last block that will be written; only for a message with content.
const chat::Block& last_block(const chat::Message& m, Blanks& blanks);

// Writes the elements of `content`. `prefill` is the block that the answer is
// to continue, or null. Nothing is written for a message without content, but
// what it loses is told.
class ContentWriter {
public:
    explicit ContentWriter(Encoder& e) noexcept : e_(e), w_(e.w) {}

    bool write(const chat::Message& m, const chat::Block* prefill);

    // Name of the message's member for an error: messages[3].role.
    std::string place(const chat::Message& m, std::string_view member) const;

private:
    bool write_block(const chat::Block& b, const json::Value* cache);
    bool write_text(const chat::Block& b, const json::Value* cache);
    bool write_thinking(const chat::Block& b);
    bool write_image(const chat::Block& b, const json::Value* cache);
    bool write_file(const chat::Block& b, const json::Value* cache);
    bool write_document(const chat::Block& b);
    void write_base64(std::string_view media, std::string_view data, const std::string& decoded);
    bool write_call(const chat::Block& b, const json::Value* cache);
    bool write_result(const chat::Block& b, const json::Value* cache);
    std::string place(std::string_view member) const;

    Encoder& e_;
    json::Writer& w_;
    const chat::Message* message_ = nullptr;
    size_t part_ = 0;
    const chat::Block* prefill_ = nullptr;
    const chat::Block* thinking_from_ = nullptr;  // first piece of the open thinking block
};

}  // namespace llm::anthropic
