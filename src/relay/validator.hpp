#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chat/delta.hpp"
#include "json/document.hpp"

namespace llm::relay {

// What is wrong with an answer that could be read.
enum class Flaw : uint8_t {
    none,
    empty,           // it ended as if all was well, without a word
    tool_arguments,  // not a JSON object
    not_json,        // JSON was asked for
};

// In words for people, and in one for machines.
std::string_view name_of(Flaw flaw) noexcept;
std::string_view code_of(Flaw flaw) noexcept;

// Reads along with an answer's deltas, and judges it when it is complete.
class Validator {
public:
    // `json`: the client asked for JSON.
    Validator(bool json, const json::Limits& limits) : json_(json), limits_(limits) {}

    void note(const chat::Delta& delta);

    // Once, after the last delta.
    Flaw judge();

    // Where the flaw is, as a path of the answer's; it quotes nothing.
    const std::string& place() const noexcept { return place_; }

private:
    // Above this nothing is kept, and nothing judged.
    static constexpr size_t kMaxText = 4U << 20;
    static constexpr uint32_t kMaxChoices = 128;
    static constexpr uint32_t kMaxCalls = 1024;

    struct Piece {
        std::string inside;  // of a JSON string
        bool whole_json = false;
    };
    struct Choice {
        Piece text;
        std::vector<Piece> calls;
        bool other = false;  // it said something that is neither
        chat::FinishReason finish = chat::FinishReason::none;
    };

    void keep(Piece& piece, const chat::Text& text);
    bool is_json(const Piece& piece, bool object);
    Flaw judge(const Choice& choice, size_t index);

    bool json_;
    json::Limits limits_;
    std::vector<Choice> choices_;
    size_t kept_ = 0;
    std::string place_;
};

}  // namespace llm::relay
