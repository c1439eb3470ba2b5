// Servers that one runs oneself.
#include "providers/tables.hpp"
#include "providers/vendors.hpp"

namespace llm::providers::vendors {

constinit const Quirks kTgi = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly,
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
        },
    .answer = {.calls = true, .arguments = true, .finish = true, .role = true, .object = true, .usage = true},
};

// It takes all there is, but its models' templates know no `developer`.
constinit const Quirks kVllm = {
    .request = {.message_drops = kOwnMembers, .developer = false, .cache_control = false},
    .answer = {.calls = true, .reasoning = true},
};

// It ignores a choice of tools, so that what would force or forbid a call is
// refused here.
constinit const Quirks kOllama = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly.with({Param::n, Param::logprobs, Param::top_logprobs, Param::logit_bias, Param::user,
                                       Param::parallel_tool_calls}),
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
            .tools = {.none = false, .required = {}, .named = Named::refused},
            .images = Images::data_only,
        },
    .answer = {.calls = true, .reasoning = true},
};

constinit const Quirks kLmStudio = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly,
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
            .format = {.json_object = false},
        },
    .answer = {.calls = true, .reasoning = true},
};

constinit const Quirks kLlamaCpp = {
    .request =
        {
            .renames = kMaxTokens,
            .drops = kOpenAiOnly,
            .message_drops = kOwnMembers,
            .developer = false,
            .cache_control = false,
        },
    .answer = {.calls = true},
};

}  // namespace llm::providers::vendors
