#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.hpp"
#include "chat/money.hpp"
#include "chat/needs.hpp"
#include "chat/usage.hpp"
#include "json/value.hpp"

namespace llm::policy {

// What a price is for: one token, unless it says otherwise.
enum class Unit : uint8_t {
    input,
    output,
    cache_read,
    cache_write,
    cache_write_1h,
    reasoning,
    audio_input,
    audio_cache_read,
    audio_output,
    image_input,
    image_output,
    citation,
    search,   // one search of the web
    request,  // one request
    count_,
};

// One price of a model. Of those for one unit the one with the highest `from`
// counts that the prompt reaches, and of these the one for the service tier.
struct Rate {
    int64_t picos;  // pico-dollars a unit
    int64_t from;   // prompts of at least so many tokens
    Unit unit;
    chat::ServiceTier tier;
};

using Rates = std::span<const Rate>;

// What an answer costs, rounded up once. nullopt when there is no price for
// tokens it has, or no amount can hold it.
std::optional<chat::Money> cost(Rates rates, const chat::Usage& usage);

// The most a request may cost whose prompt and answer are no longer than this,
// with nothing of it cached: what targets are compared by and budgets reserve.
std::optional<chat::Money> estimate(Rates rates, int64_t prompt_tokens, int64_t completion_tokens);

// Whether that estimate stays below these prices of a token, each unset for any.
bool is_within(Rates rates, int64_t prompt_tokens, int64_t completion_tokens, std::optional<int64_t> prompt_picos,
               std::optional<int64_t> completion_picos);

// A price in dollars a million tokens under its name in the configuration:
// `input`, `output`, `cache_read`, `cache_write`, `cache_write_1h`, `reasoning`,
// `audio_input`, `audio_output`. nullopt for another name or no price.
std::optional<Rate> named_rate(std::string_view name, std::string_view dollars_a_million);

// What a price file says of a model besides its prices.
struct Facts {
    chat::Needs lacks;   // said in so many words
    int64_t window = 0;  // tokens of the longest prompt; 0: not said
};

// The names of models and what they cost.
class PriceBook {
public:
    // Takes over a file in the format of LiteLLM's
    // model_prices_and_context_window.json: an object of models, each an object
    // with its prices in dollars. What is no model, and members that are no price
    // for what is counted here, are passed over. A model that is known already is
    // replaced. On failure `why` says what is wrong and nothing has changed.
    bool add(std::string_view text, std::string& why);

    // The prices of a model at a provider called `provider` of type `type`; empty
    // when there are none. Valid until the book changes.
    Rates find(std::string_view provider, std::string_view type, std::string_view model) const;

    // What else is said of the model whose prices these names find.
    Facts facts(std::string_view provider, std::string_view type, std::string_view model) const;

    size_t models() const noexcept { return models_.size(); }

private:
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
    };
    template <class T>
    using Names = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

    struct Model {
        std::vector<Rate> rates;
        Facts facts;
    };

    // Null when there is none.
    const Model* look_up(std::string_view name) const;
    const Model* look_up(std::string_view prefix, std::string_view name, std::string& scratch) const;
    const Model* find_model(std::string_view provider, std::string_view type, std::string_view model) const;
    void add_undated(std::string_view name);

    Names<Model> models_;
    Names<std::string> undated_;  // a name without its date: the latest with one
};

}  // namespace llm::policy
