#pragma once

#include "dialects/encoding.hpp"
#include "dialects/gemini/gemini.hpp"

namespace llm::gemini {

// One request on its way to Gemini; shared by the files that write it.
struct Encoder : dialects::Encoding {
    Encoder(const dialects::Encoding& e, const ModelRules& r, bool of_vertex)
        : dialects::Encoding(e), rules(r), vertex(of_vertex), w(e.out.body)
    {
    }

    const ModelRules& rules;
    // Vertex AI: calls have no ids (its older versions refuse them), files say what
    // they are, and there are no service tiers.
    bool vertex;
    json::Writer w;
};

// The member `systemInstruction`, for models that have it. `json_only` adds the
// instruction that stands for an output format.
bool write_system(Encoder& e, bool json_only);

// The member `contents`. What `systemInstruction` cannot hold opens it.
bool write_contents(Encoder& e, bool json_only);

// The member `safetySettings` from EncodeOptions::safety; false and the error when
// that text is not what it should be.
bool write_safety(Encoder& e);

}  // namespace llm::gemini
