// What the models accept (wire format: anthropic, sections 2, 3, 7 and 10).
#include <array>

#include "dialects/anthropic/anthropic.hpp"

namespace llm::anthropic {

namespace {

constexpr auto kNone = ModelRules::Thinking::none;
constexpr auto kBudget = ModelRules::Thinking::budget;
constexpr auto kAdaptive = ModelRules::Thinking::adaptive;

// The first row whose part occurs in the name counts, so longer names stand
// before their prefixes; the last row takes every name.
constexpr std::array kRules = {
    // part                max out  samp.  both   thinking   off    forced schema system
    ModelRules{"claude-sonnet-5-5", 128000, false, false, kAdaptive, false, false, true, true},
    ModelRules{"claude-opus-5-5", 128000, false, false, kAdaptive, false, false, true, true},
    ModelRules{"claude-haiku-5-5", 128000, false, false, kAdaptive, true, true, true, true},
    ModelRules{"claude-opus-5", 128000, false, false, kAdaptive, true, true, true, true},
    ModelRules{"claude-fable-5-1", 128000, false, false, kAdaptive, false, false, true, true},
    ModelRules{"claude-fable-5", 128000, false, false, kAdaptive, false, true, true, true},
    ModelRules{"claude-opus-4-8", 128000, false, false, kAdaptive, true, true, true, true},
    ModelRules{"claude-opus-4-7", 128000, false, false, kAdaptive, true, true, true, false},
    ModelRules{"claude-sonnet-5", 128000, false, false, kAdaptive, true, true, true, true},
    ModelRules{"claude-sonnet-4-6", 128000, true, false, kAdaptive, true, true, true, false},
    ModelRules{"claude-opus-4-6", 128000, true, false, kAdaptive, true, true, true, false},
    ModelRules{"claude-sonnet-4-5", 64000, true, false, kBudget, true, true, true, false},
    ModelRules{"claude-opus-4-5", 64000, true, false, kBudget, true, true, true, false},
    ModelRules{"claude-haiku-4-5", 64000, true, false, kBudget, true, true, true, false},
    ModelRules{"claude-opus-4-1", 32000, true, false, kBudget, true, true, true, false},
    ModelRules{"claude-sonnet-4", 64000, true, false, kBudget, true, true, false, false},
    ModelRules{"claude-opus-4", 32000, true, false, kBudget, true, true, false, false},
    ModelRules{"claude-3-7-sonnet", 64000, true, true, kBudget, true, true, false, false},
    ModelRules{"claude-3-5", 8192, true, true, kNone, true, true, false, false},
    ModelRules{"claude-3", 4096, true, true, kNone, true, true, false, false},
    ModelRules{"claude-2", 4096, true, true, kNone, true, true, false, false},
    // Newer than this table.
    ModelRules{"claude-", 128000, false, false, kAdaptive, true, true, true, true},
    // Another maker's model behind the same format.
    ModelRules{"", 4096, true, true, kBudget, true, true, false, false},
};

}  // namespace

const ModelRules& rules_for(std::string_view model) noexcept
{
    for (const ModelRules& rules : kRules) {
        if (model.find(rules.part) != model.npos) return rules;
    }
    return kRules.back();
}

}  // namespace llm::anthropic
