#include "providers/vendors.hpp"

#include "providers/tables.hpp"

namespace llm::providers::vendors {

namespace {

constexpr std::array<std::string_view, 2> kNoNames = {"name", "thinking_blocks"};

constexpr std::array kMistralNames = {
    Rename{Param::max_completion_tokens, "max_tokens"},
    Rename{Param::seed, "random_seed"},
};
constexpr std::array kDeepSeekNames = {
    Rename{Param::max_completion_tokens, "max_tokens"},
    Rename{Param::user, "user_id"},
};

// Zhipu's numbers (docs.z.ai, error codes).
constexpr std::array kZaiCodes = {
    CodeRow{"1000", ErrorClass::upstream_credential},   CodeRow{"1001", ErrorClass::upstream_credential},
    CodeRow{"1002", ErrorClass::upstream_credential},   CodeRow{"1003", ErrorClass::upstream_credential},
    CodeRow{"1004", ErrorClass::upstream_credential},   CodeRow{"1110", ErrorClass::upstream_credential},
    CodeRow{"1111", ErrorClass::upstream_credential},   CodeRow{"1112", ErrorClass::upstream_credential},
    CodeRow{"1113", ErrorClass::upstream_credential},   CodeRow{"1120", ErrorClass::upstream_credential},
    CodeRow{"1121", ErrorClass::upstream_credential},   CodeRow{"1210", ErrorClass::upstream_rejected},
    CodeRow{"1211", ErrorClass::upstream_model},        CodeRow{"1214", ErrorClass::upstream_rejected},
    CodeRow{"1220", ErrorClass::upstream_credential},   CodeRow{"1230", ErrorClass::upstream_server},
    CodeRow{"1234", ErrorClass::upstream_server},       CodeRow{"1261", ErrorClass::context_length},
    CodeRow{"1300", ErrorClass::content_policy},        CodeRow{"1301", ErrorClass::content_policy},
    CodeRow{"1302", ErrorClass::upstream_rate_limited}, CodeRow{"1303", ErrorClass::upstream_rate_limited},
    CodeRow{"1305", ErrorClass::upstream_rate_limited}, CodeRow{"1308", ErrorClass::upstream_credential},
};

// MiniMax's, in base_resp.status_code.
constexpr std::array kMiniMaxCodes = {
    CodeRow{"1000", ErrorClass::upstream_server},       CodeRow{"1001", ErrorClass::timeout},
    CodeRow{"1002", ErrorClass::upstream_rate_limited}, CodeRow{"1004", ErrorClass::upstream_credential},
    CodeRow{"1008", ErrorClass::upstream_credential},   CodeRow{"1013", ErrorClass::upstream_server},
    CodeRow{"1026", ErrorClass::content_policy},        CodeRow{"1027", ErrorClass::content_policy},
    CodeRow{"1039", ErrorClass::upstream_rate_limited}, CodeRow{"2013", ErrorClass::upstream_rejected},
    CodeRow{"2049", ErrorClass::upstream_credential},
};

// The model has called a tool in a way that cannot be read: it may do better.
constexpr std::array kGroqCodes = {CodeRow{"tool_use_failed", ErrorClass::upstream_server}};

constexpr ParamSet kPenalties = {Param::presence_penalty, Param::frequency_penalty};
constexpr ParamSet kLogprobs = {Param::logprobs, Param::top_logprobs};

}  // namespace

// Its first chunk tells how the prompt was filtered, and nothing else.
constinit const Quirks kAzure = {.answer = {.empty_chunks = true}};

constinit const Quirks kMistral = {
    .request =
        {
            .renames = kMistralNames,
            .drops =
                kOpenAiOnly.without({Param::metadata, Param::prediction, Param::prompt_cache_key, Param::service_tier})
                    .with({Param::user, Param::logprobs, Param::top_logprobs, Param::logit_bias, Param::top_k,
                           Param::stream_options, Param::thinking, Param::cache_control}),
            .message_drops = kStrictMembers,
            .developer = false,
            .stream_options = false,
            .tools = {.required = "any", .named = Named::filter, .short_ids = true},
        },
    .answer = {.calls = true, .arguments = true, .content_parts = true, .finish = true, .role = true},
};

constinit const Quirks kDeepSeek = {
    .request =
        {
            .renames = kDeepSeekNames,
            .drops = kOpenAiOnly.with({Param::n, Param::seed}),
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
            .reasoning_only_with_calls = true,
        },
};

constinit const Quirks kQwen = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly.with({Param::frequency_penalty, Param::logit_bias}),
            .message_drops = kOwnMembers,
            .developer = false,
            .tools = {.required = {}},
        },
    .answer = {.calls = true, .finish = true},
};

constinit const Quirks kGroq = {
    .request =
        {
            .drops = kOpenAiOnly.without({Param::service_tier})
                         .with({Param::n, Param::logprobs, Param::top_logprobs, Param::logit_bias,
                                Param::frequency_penalty, Param::presence_penalty}),
            .message_drops = kStrictMembers,
            .developer = false,
            .cache_control = false,
        },
    .answer = {.reasoning = true, .usage = true},
    .codes = kGroqCodes,
};

constinit const Quirks kXai = {
    .request =
        {
            .drops = kOpenAiOnly.without({Param::service_tier}).with({Param::logit_bias}),
            .message_drops = kNoNames,
            .developer = false,
            .cache_control = false,
            .tools = {.strict = false},
        },
    .answer = {.calls = true, .finish = true, .usage = true},
    .usage = {.cached = Apart::told},
};

constinit const Quirks kTogether = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly,
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
            .format = {.text = false},
        },
    .answer = {.calls = true, .reasoning = true, .finish = true, .usage = true},
};

constinit const Quirks kFireworks = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly,
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
            .tools = {.required = "any"},
        },
    .answer = {.calls = true, .finish = true},
};

constinit const Quirks kDeepInfra = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly,
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
        },
    .answer = {.calls = true, .finish = true, .usage = true},
};

// It drops itself what a model does not take.
constinit const Quirks kOpenRouter = {
    .request = {.message_drops = kOwnMembers, .routes = true},
    .answer = {.reasoning = true},
};

constinit const Quirks kPerplexity = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly.without({Param::web_search_options})
                         .with(kLogprobs)
                         .with({Param::n, Param::stop, Param::seed, Param::logit_bias, Param::parallel_tool_calls}),
            .message_drops = kStrictMembers,
            .developer = false,
            .cache_control = false,
            .tools = {.taken = false},
            .format = {.text = false, .json_object = false},
        },
    .answer = {.finish = true, .object = true},
};

constinit const Quirks kCerebras = {
    .request =
        {
            .drops = kOpenAiOnly.with(kPenalties).with({Param::logit_bias, Param::parallel_tool_calls, Param::n}),
            .message_drops = kStrictMembers,
            .developer = false,
            .cache_control = false,
        },
    .answer = {.calls = true, .reasoning = true, .finish = true},
};

constinit const Quirks kSambaNova = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly.with(kPenalties)
                         .with(kLogprobs)
                         .with({Param::n, Param::seed, Param::logit_bias, Param::user}),
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
        },
    .answer = {.calls = true, .reasoning = true, .finish = true},
};

constinit const Quirks kMoonshot = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly.without({Param::prompt_cache_key, Param::safety_identifier})
                         .with(kLogprobs)
                         .with({Param::logit_bias, Param::seed}),
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
            .tools = {.required = {}, .named = Named::refused},
        },
    .answer = {.calls = true, .finish = true, .role = true, .object = true, .usage = true},
};

constinit const Quirks kZai = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly.with(kLogprobs)
                         .with(kPenalties)
                         .with({Param::n, Param::seed, Param::logit_bias, Param::user, Param::parallel_tool_calls}),
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
            .max_stop = 1,
            .tools = {.none = false, .required = {}, .named = Named::refused},
        },
    .answer = {.calls = true, .finish = true},
    .codes = kZaiCodes,
};

constinit const Quirks kMiniMax = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly.with(kLogprobs).with(
                {Param::n, Param::parallel_tool_calls, Param::stream_options, Param::logit_bias}),
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
            .stream_options = false,
            .null_content = false,
            .tools = {.required = {}, .named = Named::refused, .strict = false},
        },
    .answer = {.calls = true, .finish = true, .role = true, .object = true},
    .base_resp = true,
    .codes = kMiniMaxCodes,
};

constinit const Quirks kNvidia = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly.with({Param::user, Param::parallel_tool_calls}),
            .message_drops = kStrictMembers,
            .developer = false,
            .cache_control = false,
        },
    .answer = {.calls = true, .reasoning = true, .finish = true},
};

constinit const Quirks kHuggingFace = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly,
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
        },
    .answer = {.calls = true, .arguments = true, .reasoning = true, .finish = true, .role = true, .usage = true},
};

// Google's, which refuses fields it does not know.
constinit const Quirks kGeminiOpenAi = {
    .request =
        {
            .drops = kOpenAiOnly.with(kLogprobs).with(
                {Param::logit_bias, Param::user, Param::parallel_tool_calls, Param::thinking, Param::top_k}),
            .message_drops = kStrictMembers,
            .developer = false,
            .cache_control = false,
        },
    .answer = {.calls = true, .finish = true, .role = true, .object = true, .usage = true},
};

// Anthropic's, for trying it out; it ignores what it does not take, so that what
// would change the answer is refused here.
constinit const Quirks kAnthropicOpenAi = {
    .request =
        {
            .drops = kOpenAiOnly.with(kLogprobs)
                         .with(kPenalties)
                         .with({Param::n, Param::seed, Param::logit_bias, Param::user, Param::reasoning_effort}),
            .message_drops = kStrictMembers,
            .cache_control = false,
            .tools = {.strict = false},
            .format = {.json_object = false, .json_schema = false},
        },
    .answer = {.calls = true},
};

}  // namespace llm::providers::vendors
