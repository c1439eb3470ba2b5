#include "ngx/choose.hpp"

#include <algorithm>

#include "ngx/load.hpp"
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

policy::Offer offer_of(const Target& t) noexcept
{
    policy::Offer offer;
    offer.lacks = t.provider->type->lacks;
    if (!t.conf) return offer;
    const TargetRules& rules = t.conf->rules;
    offer.lacks = (offer.lacks | rules.offer.lacks) - rules.can;
    offer.max_input = rules.offer.max_input;
    return offer;
}

// Drops the targets that cannot carry the request; false when no other is left.
bool drop_unable(const Wanted& wanted, std::vector<Target>& targets, chat::ApiError& error)
{
    std::vector<policy::Offer> offers;
    chat::Needs lacked;
    bool bounded = false;
    for (const Target& t : targets) {
        offers.push_back(offer_of(t));
        lacked |= offers.back().lacks;
        bounded |= offers.back().max_input > 0;
    }
    policy::Demand demand;
    if (!lacked.empty()) demand.needs = policy::needs_of(*wanted.chat);
    if (bounded) demand.input = policy::estimate(*wanted.chat).input;

    std::vector<Target> able;
    for (size_t i = 0; i < targets.size(); i++) {
        if (policy::meets(offers[i], demand)) able.push_back(std::move(targets[i]));
    }
    if (able.empty()) error = policy::unmet(offers, demand, wanted.name);
    targets = std::move(able);
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

policy::Candidate candidate(const MainConf& conf, const Target& t)
{
    policy::Candidate c;
    c.fallback = t.fallback;
    c.priority = t.conf->rules.priority;
    c.weight = t.conf->rules.weight;
    c.id = target_id(view(t.provider->name), t.model);
    if (const LoadRow* row = find_load(conf, c.id)) {
        c.active = active_at(conf, *row);
        c.speed = speed_of(*row);
    }
    return c;
}

void put_in_order(ngx_http_request_t* r, const RouteRules& route, const Wanted& wanted, std::vector<Target>& targets)
{
    bool levels = std::any_of(targets.begin(), targets.end(), [](const Target& t) { return t.conf->rules.priority; });
    if (targets.size() < 2 || (route.strategy == Strategy::order && !levels)) return;

    std::vector<policy::Candidate> candidates;
    for (const Target& t : targets) candidates.push_back(candidate(*main_conf(r), t));
    policy::Choice choice;
    choice.strategy = route.strategy;
    choice.stream = wanted.chat && wanted.chat->stream;
    choice.now = load_time();
    if (route.strategy == Strategy::hash) choice.key = hash_key(r, route, wanted);
    policy::Random chance((static_cast<uint64_t>(ngx_random()) << 32) ^ static_cast<uint64_t>(ngx_random()));

    std::vector<Target> ordered;
    for (size_t i : policy::rank(candidates, choice, chance)) ordered.push_back(std::move(targets[i]));
    targets = std::move(ordered);
}

}  // namespace

bool choose_targets(ngx_http_request_t* r, const Route& route, const Wanted& wanted, std::vector<Target>& out,
                    chat::ApiError& error)
{
    out = list_targets(r, route, wanted.name);
    std::string model = "the model '" + std::string(wanted.name) + "'";
    if (out.empty()) {
        error = make_error(ErrorClass::no_target, "No upstream is configured for " + model + ".");
        return false;
    }
    std::erase_if(out, [&](const Target& t) { return t.conf && !is_open(r, t.conf->rules); });
    if (out.empty()) {
        error = make_error(ErrorClass::no_target, "No upstream is open now for " + model + ".");
        return false;
    }
    if (wanted.chat && !drop_unable(wanted, out, error)) return false;
    if (route.model) put_in_order(r, route.model->route, wanted, out);
    return true;
}

}  // namespace llm::ngx
