#pragma once

#include <string>

#include "dialects/anthropic/anthropic.hpp"
#include "dialects/anthropic/blanks.hpp"
#include "dialects/encoding.hpp"

namespace llm::anthropic {

// One request on its way to Anthropic; shared by the files that write it.
struct Encoder : dialects::Encoding {
    Encoder(const dialects::Encoding& e, const ModelRules& r, bool of_vertex)
        : dialects::Encoding(e), rules(r), vertex(of_vertex), w(e.out.body)
    {
    }

    const ModelRules& rules;
    bool vertex;  // the path names the model, and the body the version
    json::Writer w;
    Blanks blanks;
};

// The members `system` and `messages`. `json_only` adds the instruction that
// stands for response_format json_object, which this format does not have.
bool write_conversation(Encoder& e, bool json_only);

// The conversation ends with the assistant's words, which the answer is to
// continue: not possible with thinking.
bool has_prefill(Encoder& e);

// The last assistant turn calls tools but has no signed thinking to give back:
// thinking cannot be switched on for the turn that answers it.
bool lost_thinking(Encoder& e);

}  // namespace llm::anthropic
