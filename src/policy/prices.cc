// What answers cost.
#include "policy/prices.hpp"

#include <array>
#include <initializer_list>

namespace llm::policy {

using chat::Cost;
using chat::Money;
using chat::Usage;

namespace {

// Without a price of its own a unit costs what another one does.
struct Fallback {
    Unit unit, like;
};
constexpr std::array kFallbacks = {
    Fallback{Unit::cache_read, Unit::input},           Fallback{Unit::cache_write, Unit::input},
    Fallback{Unit::cache_write_1h, Unit::cache_write}, Fallback{Unit::reasoning, Unit::output},
    Fallback{Unit::audio_input, Unit::input},          Fallback{Unit::audio_cache_read, Unit::cache_read},
    Fallback{Unit::audio_output, Unit::output},        Fallback{Unit::image_input, Unit::input},
    Fallback{Unit::image_output, Unit::output},
};

std::optional<Unit> like(Unit unit) noexcept
{
    for (const Fallback& f : kFallbacks) {
        if (f.unit == unit) return f.like;
    }
    return std::nullopt;
}

const Rate* best(Rates rates, Unit unit, const Usage& usage) noexcept
{
    const Rate* found = nullptr;
    for (const Rate& r : rates) {
        bool fits =
            r.unit == unit && r.from <= usage.prompt && (r.tier == usage.tier || r.tier == chat::ServiceTier::standard);
        if (!fits) continue;
        bool better = !found || r.from > found->from || (r.from == found->from && r.tier == usage.tier);
        if (better) found = &r;
    }
    return found;
}

const Rate* price_of(Rates rates, Unit unit, const Usage& usage) noexcept
{
    for (std::optional<Unit> at = unit; at; at = like(*at)) {
        if (const Rate* r = best(rates, *at, usage)) return r;
    }
    return nullptr;
}

struct Count {
    Unit unit;
    int64_t n;
};

}  // namespace

std::optional<Money> cost(Rates rates, const Usage& given)
{
    Usage u = given;
    u.mend();
    int64_t audio = u.audio_prompt - u.audio_cache_read;
    const Count tokens[] = {
        {Unit::input, u.prompt - u.cache_read - u.cache_write - audio - u.image_prompt},
        {Unit::cache_read, u.cache_read - u.audio_cache_read},
        {Unit::audio_cache_read, u.audio_cache_read},
        {Unit::cache_write, u.cache_write - u.cache_write_1h},
        {Unit::cache_write_1h, u.cache_write_1h},
        {Unit::audio_input, audio},
        {Unit::image_input, u.image_prompt},
        {Unit::output, u.completion - u.reasoning - u.audio_completion - u.image_completion},
        {Unit::reasoning, u.reasoning},
        {Unit::audio_output, u.audio_completion},
        {Unit::image_output, u.image_completion},
    };
    // What most models have no price for.
    const Count extras[] = {{Unit::citation, u.citations}, {Unit::search, u.searches}, {Unit::request, 1}};

    if (rates.empty()) return std::nullopt;
    Cost sum;
    for (const Count& c : tokens) {
        if (c.n == 0) continue;
        const Rate* r = price_of(rates, c.unit, u);
        if (!r) return std::nullopt;
        sum.add(c.n, r->picos);
    }
    for (const Count& c : extras) {
        if (const Rate* r = price_of(rates, c.unit, u)) sum.add(c.n, r->picos);
    }
    return sum.total();
}

std::optional<Money> estimate(Rates rates, int64_t prompt_tokens, int64_t completion_tokens)
{
    Usage u;
    u.prompt = prompt_tokens;
    u.completion = completion_tokens;
    return cost(rates, u);
}

bool is_within(Rates rates, int64_t prompt_tokens, int64_t completion_tokens, std::optional<int64_t> prompt_picos,
               std::optional<int64_t> completion_picos)
{
    std::optional<Money> prompt = estimate(rates, prompt_tokens, 0);
    if (prompt_picos && (!prompt || prompt > Cost().add(prompt_tokens, *prompt_picos).total())) return false;
    if (!completion_picos) return true;
    // The prompt's length decides which price there is for the answer.
    std::optional<Money> both = estimate(rates, prompt_tokens, completion_tokens);
    std::optional<Money> allowed = Cost().add(completion_tokens, *completion_picos).total();
    if (!prompt || !both || !allowed) return false;
    std::optional<Money> answer = both->minus(*prompt);
    return answer && *answer <= *allowed;
}

std::optional<Rate> named_rate(std::string_view name, std::string_view dollars_a_million)
{
    struct Named {
        std::string_view name;
        Unit unit;
    };
    static constexpr std::array kNames = {
        Named{"input", Unit::input},
        Named{"output", Unit::output},
        Named{"cache_read", Unit::cache_read},
        Named{"cache_write", Unit::cache_write},
        Named{"cache_write_1h", Unit::cache_write_1h},
        Named{"reasoning", Unit::reasoning},
        Named{"audio_input", Unit::audio_input},
        Named{"audio_output", Unit::audio_output},
    };
    constexpr int kMillion = -6;
    for (const Named& n : kNames) {
        if (n.name != name) continue;
        std::optional<int64_t> picos = chat::parse_price(dollars_a_million, kMillion);
        if (!picos) return std::nullopt;
        return Rate{*picos, 0, n.unit, chat::ServiceTier::standard};
    }
    return std::nullopt;
}

}  // namespace llm::policy
