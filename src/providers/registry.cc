#include <array>

#include "dialects/anthropic/anthropic.hpp"
#include "dialects/cohere/cohere.hpp"
#include "dialects/gemini/gemini.hpp"
#include "dialects/openai/openai.hpp"
#include "providers/tables.hpp"
#include "providers/vendors.hpp"

namespace llm::providers {

namespace {

// 2023-06-01 is the version whose requests still have the sampling members;
// an operator may set another one with `header`.
constexpr std::array kAnthropicHeaders = {Header{"anthropic-version", "2023-06-01"}};

constexpr Service<dialects::Embeddings> kEmbeddings = {.codec = &openai::kEmbeddings, .path = "/embeddings"};
constexpr Service<dialects::Rerank> kRerank = {.codec = &openai::kRerank, .path = "/rerank"};

constexpr std::array kProviders = {
    Provider{
        .name = "openai",
        .base = "/v1",
        .chat = {.dialect = &openai::kDialect, .path = "/chat/completions"},
        .embeddings = kEmbeddings,
        .rerank = kRerank,
    },
    Provider{
        .name = "anthropic",
        .auth = Auth::x_api_key,
        .base = "/v1",
        .chat = {.dialect = &anthropic::kDialect, .path = "/messages"},
        .headers = kAnthropicHeaders,
    },
    Provider{
        .name = "cohere",
        .base = "/v2",
        .chat = {.dialect = &cohere::kDialect, .path = "/chat"},
        .embeddings = {.codec = &cohere::kEmbeddings, .path = "/embed"},
        .rerank = {.codec = &cohere::kRerank, .path = "/rerank"},
    },
    Provider{
        .name = "azure",
        .auth = Auth::api_key,
        .chat = compatible(vendors::kAzure,
                           "/openai/v1/chat/completions|"
                           "/openai/deployments/{model}/chat/completions?api-version={api_version}"),
        .embeddings = {.codec = &openai::kEmbeddings,
                       .path = "/openai/v1/embeddings|"
                               "/openai/deployments/{model}/embeddings?api-version={api_version}"},
    },
    Provider{.name = "mistral", .base = "/v1", .chat = compatible(vendors::kMistral), .embeddings = kEmbeddings},
    Provider{.name = "deepseek", .chat = compatible(vendors::kDeepSeek)},
    Provider{
        .name = "qwen",
        .base = "/compatible-mode/v1",
        .chat = compatible(vendors::kQwen),
        .embeddings = kEmbeddings,
    },
    Provider{.name = "groq", .base = "/openai/v1", .chat = compatible(vendors::kGroq)},
    Provider{.name = "xai", .base = "/v1", .chat = compatible(vendors::kXai)},
    Provider{
        .name = "together",
        .base = "/v1",
        .chat = compatible(vendors::kTogether),
        .embeddings = kEmbeddings,
        .rerank = kRerank,
    },
    Provider{
        .name = "fireworks",
        .base = "/inference/v1",
        .chat = compatible(vendors::kFireworks),
        .embeddings = kEmbeddings,
    },
    Provider{
        .name = "deepinfra",
        .base = "/v1/openai",
        .chat = compatible(vendors::kDeepInfra),
        .embeddings = kEmbeddings,
    },
    Provider{
        .name = "openrouter",
        .base = "/api/v1",
        .chat = compatible(vendors::kOpenRouter),
        .embeddings = kEmbeddings,
    },
    Provider{.name = "perplexity", .chat = compatible(vendors::kPerplexity)},
    Provider{.name = "cerebras", .base = "/v1", .chat = compatible(vendors::kCerebras)},
    Provider{.name = "sambanova", .base = "/v1", .chat = compatible(vendors::kSambaNova), .embeddings = kEmbeddings},
    Provider{.name = "moonshot", .base = "/v1", .chat = compatible(vendors::kMoonshot)},
    Provider{.name = "zai", .base = "/api/paas/v4", .chat = compatible(vendors::kZai), .embeddings = kEmbeddings},
    Provider{.name = "minimax", .base = "/v1", .chat = compatible(vendors::kMiniMax)},
    Provider{.name = "nvidia", .base = "/v1", .chat = compatible(vendors::kNvidia), .embeddings = kEmbeddings},
    Provider{.name = "huggingface", .base = "/v1", .chat = compatible(vendors::kHuggingFace)},
    Provider{.name = "tgi", .base = "/v1", .chat = compatible(vendors::kTgi)},
    Provider{
        .name = "vllm",
        .base = "/v1",
        .chat = compatible(vendors::kVllm),
        .embeddings = kEmbeddings,
        .rerank = kRerank,
    },
    Provider{
        .name = "sglang",
        .base = "/v1",
        .chat = compatible(vendors::kVllm),
        .embeddings = kEmbeddings,
        .rerank = kRerank,
    },
    Provider{.name = "ollama", .base = "/v1", .chat = compatible(vendors::kOllama), .embeddings = kEmbeddings},
    Provider{.name = "lmstudio", .base = "/v1", .chat = compatible(vendors::kLmStudio), .embeddings = kEmbeddings},
    Provider{
        .name = "llamacpp",
        .base = "/v1",
        .chat = compatible(vendors::kLlamaCpp),
        .embeddings = kEmbeddings,
        .rerank = kRerank,
    },
    Provider{
        .name = "gemini_openai",
        .base = "/v1beta/openai",
        .chat = compatible(vendors::kGeminiOpenAi),
        .embeddings = kEmbeddings,
    },
    Provider{.name = "anthropic_openai", .base = "/v1", .chat = compatible(vendors::kAnthropicOpenAi)},
    Provider{
        .name = "gemini",
        .auth = Auth::x_goog_api_key,
        .base = "/v1beta",
        .chat = {.dialect = &gemini::kDialect,
                 .path = "/models/{model}:generateContent",
                 .stream_path = "/models/{model}:streamGenerateContent?alt=sse"},
        .embeddings = {.codec = &gemini::kEmbeddings, .path = "/models/{model}:batchEmbedContents"},
    },
    Provider{
        .name = "vertex",
        .base = "/v1",
        .chat = {.dialect = &gemini::kVertexDialect,
                 .path = "/projects/{project}/locations/{location}/publishers/google/models/{model}:generateContent",
                 .stream_path = "/projects/{project}/locations/{location}/publishers/google/models/"
                                "{model}:streamGenerateContent?alt=sse"},
        .embeddings = {.codec = &gemini::kVertexEmbeddings,
                       .path = "/projects/{project}/locations/{location}/publishers/google/models/{model}:predict"},
    },
    Provider{
        .name = "vertex_anthropic",
        .base = "/v1",
        .chat = {.dialect = &anthropic::kVertexDialect,
                 .path = "/projects/{project}/locations/{location}/publishers/anthropic/models/{model}:rawPredict",
                 .stream_path = "/projects/{project}/locations/{location}/publishers/anthropic/models/"
                                "{model}:streamRawPredict"},
    },
};

}  // namespace

std::span<const Provider> all() noexcept
{
    return kProviders;
}

const Provider* find(std::string_view name) noexcept
{
    for (const Provider& p : kProviders) {
        if (p.name == name) return &p;
    }
    return nullptr;
}

}  // namespace llm::providers
