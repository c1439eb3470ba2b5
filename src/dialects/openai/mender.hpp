#pragma once

#include <string>

#include "chat/delta.hpp"
#include "dialects/dialect.hpp"
#include "json/value.hpp"

// Answers that pass through as they came, put right where the vendor's quirks
// ask for it (quirks.hpp).
namespace llm::openai {

enum class Shape : uint8_t;

// Where the counts of an answer or a chunk stand, or nullptr.
const json::Value* find_usage(const json::Value& root, const dialects::AnswerQuirks& quirks) noexcept;

// Takes down what is to change in one event or one answer, as its parts are
// read. Without mends to fill it does nothing.
class Mender {
public:
    Mender(const dialects::DecodeOptions& options, Shape shape) noexcept
        : quirks_(options.quirks->answer), mends_(options.mends), shape_(shape)
    {
    }

    void envelope(const json::Value& root);
    void usage(const json::Value& root, const json::Value& found, const chat::Usage& usage);

    // A delta or a message; `first` of its choice.
    void body(const json::Value& body, bool first);

    // Of a call that has been given none.
    std::string made_id(uint32_t choice, size_t index) const;
    // Call number `index` of its choice; `made` is the id it gets, if not empty.
    void call(const json::Value& call, bool begins, size_t index, std::string_view made);

    // A chunk's choice that does not tell whether it has ended.
    void no_finish(const json::Value& choice);
    // `none`: it says nothing.
    void finish(const json::Value& reason, chat::FinishReason meant);

private:
    void content(const json::Value& body, const json::Value& content);
    void number(const json::Value& object, std::string_view name, int64_t n);

    const dialects::AnswerQuirks& quirks_;
    dialects::Mends* mends_;
    Shape shape_;
    std::string id_;  // of the answer
};

}  // namespace llm::openai
