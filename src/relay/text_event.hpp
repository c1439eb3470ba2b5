#pragma once

#include <string>

#include "chat/delta.hpp"
#include "wire/event.hpp"

namespace llm::relay {

// The event that tokens come in, as a pattern for those that follow it: most of
// a stream's events differ from the one before in a piece of text and in nothing
// else. Such an event is known by comparing bytes, without its JSON being read.
//
// It holds for a decoder that says so (StreamDecoder::repeats_text).
class TextEvent {
public:
    // Events beyond this are not worth keeping.
    static constexpr size_t kMaxSize = 2048;

    // Takes down an event whose only content was `delta`, if it is one of text;
    // else forgets what was there. The delta's text is a view into the event.
    void learn(const wire::WireEvent& event, const chat::Delta& delta);
    void forget() noexcept { known_ = false; }

    // True when `event` is such a one: then it gives `delta`, whose text is a view
    // into the event.
    bool fits(const wire::WireEvent& event, chat::Delta& delta) const noexcept;

private:
    bool known_ = false;
    chat::DeltaKind kind_ = chat::DeltaKind::text;
    uint32_t choice_ = 0;
    uint32_t index_ = 0;
    std::string type_;
    std::string head_;  // up to the text, its quote included
    // Behind the text, its quote included; in two parts around the padding that
    // OpenAI adds to each event (wire format: openai-chat, stream options).
    std::string tail_;
    std::string end_;
    bool padded_ = false;
};

}  // namespace llm::relay
