#include "ngx/choose.hpp"

#include <algorithm>

#include "ngx/load.hpp"
#include "ngx/prices.hpp"
#include "ngx/wishes.hpp"
#include "policy/needs.hpp"
#include "policy/select.hpp"
#include "policy/tokens.hpp"

namespace llm::ngx {

namespace {

using chat::ErrorClass;
using policy::Strategy;

bool is_open(ngx_http_request_t* r, const TargetRules& rules)
{
    if (!rules.hours.contains(ngx_time())) return false;
    if (!rules.condition) return true;
    ngx_str_t value;
    if (ngx_http_complex_value(r, rules.condition, &value) != NGX_OK) throw std::bad_alloc();
    return value.len > 0 && view(value) != "0";
}

// --- needs ----------------------------------------------------------------------

policy::Offer offer_of(const MainConf& conf, const Target& t)
{
    policy::Offer offer;
    offer.lacks = providers::lacks(t.provider->type->chat);
    if (conf.prices) {
        policy::Facts facts = conf.prices->book.facts(view(t.provider->name), t.provider->type->name, t.model);
        offer.lacks |= facts.lacks;
        offer.window = facts.window;
    }
    if (!t.conf) return offer;
    const TargetRules& rules = t.conf->rules;
    offer.lacks = (offer.lacks | rules.offer.lacks) - rules.can;
    offer.max_input = rules.offer.max_input;
    return offer;
}

// Drops the targets that cannot carry the request; false when no other is left.
bool drop_unable(const std::vector<policy::Offer>& offers, const policy::Demand& demand, std::vector<Target>& targets)
{
    std::vector<Target> able, roomy;
    for (size_t i = 0; i < targets.size(); i++) {
        if (!policy::meets(offers[i], demand)) continue;
        // An estimate is no reason to refuse, but one to turn to another.
        (policy::is_roomy(offers[i], demand.input) ? roomy : able).push_back(std::move(targets[i]));
    }
    targets = std::move(roomy.empty() ? able : roomy);
    return !targets.empty();
}

// --- the order ------------------------------------------------------------------

// Of a message this much tells conversations apart.
constexpr size_t kBeginning = 4096;

uint64_t hash_value(const json::Value* v, uint64_t seed) noexcept
{
    return v ? policy::hash(v->raw().substr(0, kBeginning), seed) : seed;
}

// What providers' prompt caches go by: the client's own word for it, else how the
// conversation begins.
uint64_t conversation(const chat::Request& chat) noexcept
{
    if (const json::Value* key = chat.param(chat::Param::prompt_cache_key)) return hash_value(key, 0);
    uint64_t h = 0;
    bool system = false;
    for (const chat::Message& m : chat.messages) {
        if (m.role == chat::Role::user) return hash_value(m.source, h);
        bool is_system = m.role == chat::Role::system || m.role == chat::Role::developer;
        if (is_system && !std::exchange(system, true)) h = hash_value(m.source, h);
    }
    return h;
}

uint64_t hash_key(ngx_http_request_t* r, const RouteRules& route, const Wanted& wanted)
{
    ngx_str_t value = {};
    if (route.key && ngx_http_complex_value(r, route.key, &value) != NGX_OK) throw std::bad_alloc();
    if (value.len > 0) return policy::hash(view(value));
    return wanted.chat ? conversation(*wanted.chat) : 0;
}

bool goes_by_load(Strategy strategy, uint32_t within) noexcept
{
    return strategy == Strategy::least_busy || strategy == Strategy::latency || strategy == Strategy::throughput ||
           within > 0;
}

policy::Candidate candidate(const Target& t)
{
    policy::Candidate c;
    c.fallback = t.fallback;
    c.priority = t.conf->rules.priority;
    c.weight = t.conf->rules.weight;
    c.id = target_id(view(t.provider->name), t.model);
    return c;
}

Strategy strategy_of(const MainConf& conf, const RouteRules& route, policy::Sort sort) noexcept
{
    switch (sort) {
        case policy::Sort::price:
            return Strategy::cost;
        case policy::Sort::throughput:
            return conf.shared ? Strategy::throughput : route.strategy;
        case policy::Sort::latency:
            return conf.shared ? Strategy::latency : route.strategy;
        case policy::Sort::none:
            break;
    }
    return route.strategy;
}

// --- one model ------------------------------------------------------------------

class Chooser {
public:
    Chooser(ngx_http_request_t* r, const Wanted& wanted, chat::ApiError& error) noexcept
        : r_(r), conf_(*main_conf(r)), wanted_(wanted), error_(error)
    {
    }

    bool hear() { return hear_wishes(r_, wanted_.body, wishes_, error_); }
    policy::Wishes& wishes() noexcept { return wishes_; }

    // The targets of one of the models, `suffix` of which was cut off; none after `error` was set.
    std::vector<Target> targets(const Route& route, std::string_view name, std::string_view suffix = {})
    {
        std::vector<Target> all = list_targets(r_, route, name);
        for (Target& t : all) {
            bool same_name = t.conf && !t.conf->model;
            if (same_name && routes(t)) t.model += suffix;  // it knows the word, too
        }
        model_ = "the model '" + std::string(name) + "'";
        if (!keep_open(all) || !keep_wanted(all) || !keep_cheap(all) || !keep_able(all, name)) return {};
        if (route.model) put_in_order(route.model->route, all);
        follow_order(all);
        return all;
    }

private:
    bool none(ErrorClass kind, std::string_view text, std::string_view param = {})
    {
        error_ = make_error(kind, text, param);
        return false;
    }

    bool keep_open(std::vector<Target>& all)
    {
        if (all.empty()) return none(ErrorClass::no_target, "No upstream is configured for " + model_ + '.');
        std::erase_if(all, [&](const Target& t) { return t.conf && !is_open(r_, t.conf->rules); });
        return !all.empty() || none(ErrorClass::no_target, "No upstream is open now for " + model_ + '.');
    }

    static bool routes(const Target& t) noexcept { return t.provider->type->chat.quirks->request.routes; }
    static policy::Named named(const Target& t) noexcept
    {
        return {view(t.provider->name), t.provider->type->name, routes(t)};
    }
    static std::span<const std::string_view> tags_of(const Target& t) noexcept
    {
        if (!t.conf) return {};
        return t.conf->rules.tags;
    }

    bool keep_wanted(std::vector<Target>& all)
    {
        bool matched = std::any_of(all.begin(), all.end(),
                                   [&](const Target& t) { return policy::matches_tags(wishes_, tags_of(t)); });
        auto misfit = [&](const Target& t) { return !policy::fits_tags(wishes_, tags_of(t), matched); };
        bool any = !std::all_of(all.begin(), all.end(), misfit);
        if (!any && !wishes_.tags.empty()) {
            return none(ErrorClass::unsupported, "No target of " + model_ + " has one of the request's tags.",
                        "x-llm-tags");
        }
        if (any) std::erase_if(all, misfit);
        std::erase_if(all, [&](const Target& t) { return !policy::wants(wishes_, named(t)); });
        return !all.empty() || none(ErrorClass::unsupported,
                                    "No target of " + model_ + " is at a provider that the request wants.", "provider");
    }

    bool keep_cheap(std::vector<Target>& all)
    {
        if (!wishes_.max_prompt_price && !wishes_.max_completion_price) return true;
        policy::Tokens n = tokens();
        std::erase_if(all, [&](const Target& t) {
            return !policy::is_within(rates_of(conf_, t), n.input, n.output, wishes_.max_prompt_price,
                                      wishes_.max_completion_price);
        });
        return !all.empty() ||
               none(ErrorClass::unsupported,
                    "No target of " + model_ + " is within the prices that the request allows.", "provider.max_price");
    }

    bool keep_able(std::vector<Target>& all, std::string_view name)
    {
        if (!wanted_.chat) return true;
        std::vector<policy::Offer> offers;
        chat::Needs lacked;
        bool bounded = false;
        for (const Target& t : all) {
            policy::Offer& offer = offers.emplace_back(offer_of(conf_, t));
            lacked |= offer.lacks;
            bounded |= offer.max_input > 0 || (offer.window > 0 && all.size() > 1);
        }
        if (lacked.empty() && !bounded) return true;
        policy::Demand demand{policy::needs_of(*wanted_.chat), bounded ? tokens().input : 0};
        if (drop_unable(offers, demand, all)) return true;
        error_ = policy::unmet(offers, demand, name);
        return false;
    }

    // Scanning a long prompt costs something: only when it is asked for.
    policy::Tokens tokens() noexcept
    {
        if (!tokens_ && wanted_.chat) tokens_ = policy::estimate(*wanted_.chat);
        if (!tokens_) tokens_ = {policy::text_tokens(wanted_.body.document.source()), 0};
        return *tokens_;
    }

    void put_in_order(const RouteRules& route, std::vector<Target>& all)
    {
        Strategy strategy = strategy_of(conf_, route, wishes_.sort);
        bool levels = std::any_of(all.begin(), all.end(), [](const Target& t) { return t.conf->rules.priority; });
        if (all.size() < 2 || (strategy == Strategy::order && !levels)) return;

        policy::Choice choice;
        choice.strategy = strategy;
        choice.stream = wanted_.chat && wanted_.chat->stream;
        choice.now = load_time();
        choice.within = wishes_.sort == policy::Sort::none ? route.within : 0;
        if (strategy == Strategy::hash) choice.key = hash_key(r_, route, wanted_);

        std::vector<policy::Candidate> candidates;
        for (const Target& t : all) {
            policy::Candidate& c = candidates.emplace_back(candidate(t));
            if (strategy == Strategy::cost) {
                c.cost = policy::estimate(rates_of(conf_, t), tokens().input, tokens().output);
            }
            const LoadRow* row = goes_by_load(strategy, choice.within) ? find_load(conf_, c.id) : nullptr;
            if (!row) continue;
            c.active = active_at(conf_, *row);
            c.speed = speed_of(*row);
        }
        policy::Random chance((static_cast<uint64_t>(ngx_random()) << 32) ^ static_cast<uint64_t>(ngx_random()));
        std::vector<Target> ordered;
        for (size_t i : policy::rank(candidates, choice, chance)) ordered.push_back(std::move(all[i]));
        all = std::move(ordered);
    }

    // The client's own order, and whether it wants more than that.
    void follow_order(std::vector<Target>& all)
    {
        auto place = [&](const Target& t) { return policy::place_in_order(wishes_, named(t)); };
        if (!wishes_.order.empty()) {
            std::stable_sort(all.begin(), all.end(),
                             [&](const Target& a, const Target& b) { return place(a) < place(b); });
        }
        if (wishes_.allow_fallbacks || all.size() < 2) return;
        size_t listed = static_cast<size_t>(
            std::count_if(all.begin(), all.end(), [&](const Target& t) { return place(t) < wishes_.order.size(); }));
        all.erase(all.begin() + static_cast<ptrdiff_t>(ngx_max(listed, size_t{1})), all.end());
    }

    ngx_http_request_t* r_;
    const MainConf& conf_;
    const Wanted& wanted_;
    chat::ApiError& error_;
    policy::Wishes wishes_;
    std::string model_;
    std::optional<policy::Tokens> tokens_;
};

bool find_model(ngx_http_request_t* r, const Caller& caller, std::string_view name, std::string_view param,
                Route& route, chat::ApiError& error)
{
    std::string model(name);
    // First, as the project's expressions have captures as well.
    if (!is_allowed(r, caller, name)) {
        error = make_error(ErrorClass::forbidden, "The API key may not use the model '" + model + "'.", param);
        return false;
    }
    route = find_route(r, name);
    if (route.found()) return true;
    error = make_error(ErrorClass::model_not_found, "The model '" + model + "' does not exist.", param);
    return false;
}

}  // namespace

bool choose_targets(ngx_http_request_t* r, const Caller& caller, const Wanted& wanted, Chosen& out,
                    chat::ApiError& error)
{
    Chooser chooser(r, wanted, error);
    std::string_view name = wanted.name;
    if (loc_conf(r)->client_routing) {
        if (!chooser.hear()) return false;
        policy::Sort sort = main_conf(r)->model(name) ? policy::Sort::none : policy::cut_suffix(name);
        if (sort != policy::Sort::none) chooser.wishes().sort = sort;
    }
    if (!find_model(r, caller, name, "model", out.route, error)) return false;
    out.targets = chooser.targets(out.route, name, wanted.name.substr(name.size()));
    chat::ApiError first = error;

    for (const std::string& next : chooser.wishes().models) {
        if (next == name) continue;
        Route route;
        if (!find_model(r, caller, next, "models", route, error)) return false;
        for (Target& t : chooser.targets(route, next)) {
            t.fallback = true;
            out.targets.push_back(std::move(t));
        }
    }
    error = std::move(first);
    return !out.targets.empty();
}

}  // namespace llm::ngx
