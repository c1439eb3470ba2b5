// What the models accept (wire format: gemini, sections 2, 3, 4, 6 and 7).
#include <array>

#include "dialects/gemini/gemini.hpp"

namespace llm::gemini {

namespace {

constexpr auto kNone = ModelRules::Thinking::none;
constexpr auto kBudget = ModelRules::Thinking::budget;
constexpr auto kLevel = ModelRules::Thinking::level;

// The first row whose part occurs in the name counts, so longer names stand
// before their prefixes; the last row takes every name.
constexpr std::array kRules = {
    // part                  thinking  min    max   off  minimal medium schema +tools penal. system media  signed
    ModelRules{"gemini-3-pro", kLevel, 0, 0, false, false, false, true, true, false, true, true, true},
    ModelRules{"gemini-3-flash", kLevel, 0, 0, false, true, true, true, true, false, true, true, true},
    ModelRules{"gemini-2.5-flash-lite", kBudget, 512, 24576, true, false, false, true, false, false, true, false,
               false},
    ModelRules{"gemini-2.5-flash", kBudget, 1, 24576, true, false, false, true, false, false, true, false, false},
    ModelRules{"gemini-2.5", kBudget, 128, 32768, false, false, false, true, false, false, true, false, false},
    ModelRules{"gemini-2", kNone, 0, 0, false, false, false, false, false, true, true, false, false},
    ModelRules{"gemini-1", kNone, 0, 0, false, false, false, false, false, true, true, false, false},
    ModelRules{"gemma", kNone, 0, 0, false, false, false, false, false, false, false, false, false},
    // Newer than this table.
    ModelRules{"gemini-", kLevel, 0, 0, false, false, true, true, true, false, true, true, true},
    // A tuned model or another maker's.
    ModelRules{"", kNone, 0, 0, false, false, false, false, false, true, true, false, false},
};

}  // namespace

const ModelRules& rules_for(std::string_view model) noexcept
{
    for (const ModelRules& rules : kRules) {
        if (model.find(rules.part) != model.npos) return rules;
    }
    return kRules.back();
}

}  // namespace llm::gemini
