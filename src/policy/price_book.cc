// Reading price files, and which entry is a model's.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "json/document.hpp"
#include "policy/model_names.hpp"
#include "policy/prices.hpp"

namespace llm::policy {

namespace {

using chat::ServiceTier;
using json::Value;

// A name that another one begins with comes after it.
struct Member {
    std::string_view name;
    Unit unit;
};
constexpr std::array kMembers = {
    Member{"input_cost_per_token_cache_hit", Unit::cache_read},
    Member{"input_cost_per_token", Unit::input},
    Member{"output_cost_per_token", Unit::output},
    Member{"output_cost_per_reasoning_token", Unit::reasoning},
    Member{"cache_read_input_token_cost", Unit::cache_read},
    Member{"cache_creation_input_token_cost_above_1hr", Unit::cache_write_1h},
    Member{"cache_creation_input_token_cost", Unit::cache_write},
    Member{"input_cost_per_audio_token", Unit::audio_input},
    Member{"output_cost_per_audio_token", Unit::audio_output},
    Member{"cache_read_input_audio_token_cost", Unit::audio_cache_read},
    Member{"input_cost_per_image_token", Unit::image_input},
    Member{"output_cost_per_image_token", Unit::image_output},
    Member{"citation_cost_per_token", Unit::citation},
    Member{"input_cost_per_request", Unit::request},
    Member{"input_cost_per_query", Unit::request},
};

struct Tier {
    std::string_view suffix;
    ServiceTier tier;
};
constexpr std::array kTiers = {
    Tier{"_priority", ServiceTier::priority},
    Tier{"_flex", ServiceTier::flex},
    Tier{"_batches", ServiceTier::batch},
    Tier{"_batch_requests", ServiceTier::batch},
};

// Members that say what a model can do.
struct Ability {
    std::string_view name;
    chat::Need need;
};
constexpr std::array kAbilities = {
    Ability{"supports_vision", chat::Need::images},
    Ability{"supports_audio_input", chat::Need::audio},
    Ability{"supports_pdf_input", chat::Need::files},
    Ability{"supports_function_calling", chat::Need::tools},
    Ability{"supports_response_schema", chat::Need::json_schema},
    Ability{"supports_audio_output", chat::Need::audio_output},
};

// Sizes a search may have, the one that is meant when none is named first.
constexpr std::array kSearches = {"search_context_size_medium", "search_context_size_low", "search_context_size_high"};

// What a file may hold: LiteLLM's has some 120,000 values.
constexpr json::Limits kLimits = {.depth = 32, .values = 4U << 20};

bool cut_prefix(std::string_view& s, std::string_view prefix) noexcept
{
    if (!s.starts_with(prefix)) return false;
    s.remove_prefix(prefix.size());
    return true;
}

// "_above_200k_tokens" at the front of `s`.
bool cut_threshold(std::string_view& s, int64_t& tokens) noexcept
{
    std::string_view rest = s;
    if (!cut_prefix(rest, "_above_")) return false;
    size_t digits = 0;
    while (digits < rest.size() && text::is_digit(rest[digits])) digits++;
    std::optional<uint64_t> n = text::to_uint(rest.substr(0, digits));
    if (!n || *n > INT32_MAX) return false;
    rest.remove_prefix(digits);
    bool thousands = cut_prefix(rest, "k");
    if (!cut_prefix(rest, "_tokens")) return false;
    tokens = static_cast<int64_t>(*n) * (thousands ? 1000 : 1);
    s = rest;
    return true;
}

bool cut_tier(std::string_view& s, ServiceTier& tier) noexcept
{
    for (const Tier& t : kTiers) {
        if (!cut_prefix(s, t.suffix)) continue;
        tier = t.tier;
        return true;
    }
    return false;
}

// Numbers come as numbers, and now and then as strings.
std::optional<int64_t> price(const Value& v) noexcept
{
    if (v.is_number()) return chat::parse_price(v.raw());
    if (v.is_string()) return chat::parse_price(text::trim(v.body()));
    return std::nullopt;
}

class Reader {
public:
    explicit Reader(const Value& model) noexcept : model_(model)
    {
        // Most providers' higher price begins above the threshold, xAI's at it.
        const Value* provider = model.get("litellm_provider");
        first_above_ = provider && provider->is("xai") ? 0 : 1;
    }

    std::vector<Rate> read()
    {
        for (const Value& member : model_) read_member(member);
        const Value* tiers = model_.get("tiered_pricing");
        if (tiers && tiers->is_array() && tiers->size() > 0) read_tiers(*tiers);
        const Value* search = model_.get("search_context_cost_per_query");
        if (search && search->is_object()) read_search(*search);
        return std::move(rates_);
    }

private:
    void put(Unit unit, int64_t picos, int64_t from, ServiceTier tier = ServiceTier::standard)
    {
        rates_.push_back({picos, from, unit, tier});
    }

    void read_member(const Value& v)
    {
        for (const Member& m : kMembers) {
            std::string_view rest = v.key();
            if (!cut_prefix(rest, m.name)) continue;
            int64_t from = 0, above = 0;
            ServiceTier tier = ServiceTier::standard;
            while (!rest.empty()) {
                if (cut_threshold(rest, above)) {
                    from = above + first_above_;
                } else if (!cut_tier(rest, tier)) {
                    return;  // a price for something else
                }
            }
            if (std::optional<int64_t> picos = price(v)) put(m.unit, *picos, from, tier);
            return;
        }
    }

    void read_search(const Value& sizes)
    {
        for (std::string_view size : kSearches) {
            const Value* v = sizes.get(size);
            std::optional<int64_t> picos = v ? price(*v) : std::nullopt;
            if (picos) return put(Unit::search, *picos, 0);
        }
    }

    // All tokens of a request are at the prices of one range; what a range does
    // not name costs what its input does.
    void read_tiers(const Value& tiers)
    {
        std::vector<Rate> flat;
        flat.swap(rates_);
        bool output = false;
        for (const Value& tier : tiers) {
            const Value* range = tier.get("range");
            std::optional<int64_t> input = member(tier, "input_cost_per_token");
            if (!range || !range->is_array() || range->size() == 0 || !input) continue;
            // A range's first number is the last one of the range before.
            double begin = range->begin()->to_double();
            if (!(begin >= 0 && begin <= INT32_MAX)) continue;
            int64_t from = begin > 0 ? static_cast<int64_t>(begin) + 1 : 0;
            int64_t write = member(tier, "cache_creation_input_token_cost").value_or(*input);
            put(Unit::input, *input, from);
            put(Unit::cache_read, member(tier, "cache_read_input_token_cost").value_or(*input), from);
            put(Unit::cache_write, write, from);
            put(Unit::cache_write_1h, member(tier, "cache_creation_input_token_cost_above_1hr").value_or(write), from);
            std::optional<int64_t> out = member(tier, "output_cost_per_token");
            std::optional<int64_t> reasoning = member(tier, "output_cost_per_reasoning_token");
            if (out) put(Unit::output, *out, from);
            if (reasoning || out) put(Unit::reasoning, reasoning ? *reasoning : *out, from);
            output = output || out;
        }
        bool input = !rates_.empty();
        for (const Rate& r : flat) {
            bool is_output = r.unit == Unit::output || r.unit == Unit::reasoning;
            bool is_input = r.unit == Unit::input || r.unit == Unit::cache_read || r.unit == Unit::cache_write ||
                            r.unit == Unit::cache_write_1h;
            if ((is_output && output) || (is_input && input)) continue;
            rates_.push_back(r);
        }
    }

    static std::optional<int64_t> member(const Value& object, std::string_view name) noexcept
    {
        const Value* v = object.get(name);
        return v ? price(*v) : std::nullopt;
    }

    const Value& model_;
    int64_t first_above_ = 1;
    std::vector<Rate> rates_;
};

Facts facts_of(const Value& model) noexcept
{
    Facts facts;
    for (const Ability& a : kAbilities) {
        const Value* v = model.get(a.name);
        if (v && v->is_bool() && !v->is_true()) facts.lacks |= a.need;
    }
    const Value* window = model.get("max_input_tokens");
    double tokens = window ? window->to_double() : 0;
    if (tokens >= 1 && tokens <= INT32_MAX) facts.window = static_cast<int64_t>(tokens);
    return facts;
}

// Descriptions of the format, among the models.
bool is_model(const Value& v) noexcept
{
    return v.is_object() && !v.key_is("sample_spec");
}

}  // namespace

bool PriceBook::add(std::string_view text, std::string& why)
{
    json::Document doc;
    if (Status s = doc.parse(text, json::Mode::liberal, kLimits); !s.ok()) {
        why = s.at;
        if (!doc.where().empty()) why += " in " + doc.where();
        return false;
    }
    if (!doc.root().is_object()) {
        why = "not an object of models";
        return false;
    }
    Names<Model> read;
    for (const Value& model : doc.root()) {
        if (!is_model(model)) continue;
        std::vector<Rate> rates = Reader(model).read();
        if (rates.empty()) continue;
        std::string name;
        json::append_decoded(name, model.key());
        rates.shrink_to_fit();
        read.insert_or_assign(std::move(name), Model{std::move(rates), facts_of(model)});
    }
    if (read.empty()) {
        why = "no model in it has a price";
        return false;
    }
    for (const auto& [name, model] : read) add_undated(name);
    for (auto& [name, model] : read) models_.insert_or_assign(name, std::move(model));
    return true;
}

void PriceBook::add_undated(std::string_view name)
{
    std::string_view undated = without_date(name);
    if (undated.size() == name.size()) return;
    std::string& latest = undated_[std::string(undated)];
    if (name > latest) latest = name;
}

const PriceBook::Model* PriceBook::look_up(std::string_view name) const
{
    auto it = models_.find(name);
    return it == models_.end() ? nullptr : &it->second;
}

const PriceBook::Model* PriceBook::look_up(std::string_view prefix, std::string_view name, std::string& scratch) const
{
    if (prefix.empty()) return look_up(name);
    scratch.assign(prefix);
    scratch += '/';
    scratch += name;
    return look_up(scratch);
}

Rates PriceBook::find(std::string_view provider, std::string_view type, std::string_view model) const
{
    const Model* found = find_model(provider, type, model);
    return found ? Rates(found->rates) : Rates();
}

Facts PriceBook::facts(std::string_view provider, std::string_view type, std::string_view model) const
{
    const Model* found = find_model(provider, type, model);
    return found ? found->facts : Facts();
}

const PriceBook::Model* PriceBook::find_model(std::string_view provider, std::string_view type,
                                              std::string_view model) const
{
    const std::string_view all[] = {provider, price_prefix(type), {}};
    // One name for both is looked for once.
    std::span prefixes = std::span(all).subspan(all[0] == all[1] ? 1 : 0);
    std::string scratch;
    Spellings spellings(model);
    for (bool more = true; more; more = spellings.next()) {
        for (std::string_view prefix : prefixes) {
            if (const Model* found = look_up(prefix, spellings.name(), scratch)) return found;
        }
    }
    // A name without a date means the latest.
    for (std::string_view prefix : prefixes) {
        scratch.assign(prefix);
        if (!prefix.empty()) scratch += '/';
        scratch += spellings.name();
        auto it = undated_.find(scratch);
        if (it != undated_.end()) return look_up(it->second);
    }
    return nullptr;
}

}  // namespace llm::policy
