#pragma once

#include "dialects/quirks.hpp"

// How vendors depart from the format that they speak (wire format:
// openai-compatible-family), one a row of the registry.
namespace llm::providers::vendors {

// Clouds (vendors.cc).
extern const dialects::Quirks kAzure;
extern const dialects::Quirks kMistral;
extern const dialects::Quirks kDeepSeek;
extern const dialects::Quirks kQwen;
extern const dialects::Quirks kGroq;
extern const dialects::Quirks kXai;
extern const dialects::Quirks kTogether;
extern const dialects::Quirks kFireworks;
extern const dialects::Quirks kDeepInfra;
extern const dialects::Quirks kOpenRouter;
extern const dialects::Quirks kPerplexity;
extern const dialects::Quirks kCerebras;
extern const dialects::Quirks kSambaNova;
extern const dialects::Quirks kMoonshot;
extern const dialects::Quirks kZai;
extern const dialects::Quirks kMiniMax;
extern const dialects::Quirks kNvidia;
extern const dialects::Quirks kHuggingFace;
extern const dialects::Quirks kGeminiOpenAi;
extern const dialects::Quirks kAnthropicOpenAi;

// Servers one runs oneself (servers.cc).
extern const dialects::Quirks kTgi;
extern const dialects::Quirks kVllm;  // and SGLang
extern const dialects::Quirks kOllama;
extern const dialects::Quirks kLmStudio;
extern const dialects::Quirks kLlamaCpp;

}  // namespace llm::providers::vendors
