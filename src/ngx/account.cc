// What the attempts of a request have cost and how they went.
#include <cstdio>

#include "ngx/attempt.hpp"
#include "ngx/orchestrator.hpp"
#include "ngx/prices.hpp"
#include "ngx/zone.hpp"

namespace llm::ngx {

std::optional<chat::Money> Attempt::cost(const chat::Usage& usage) const
{
    return orch_.cost(*this, usage);
}

std::optional<chat::Money> Orchestrator::cost_of(const Attempt& attempt, const chat::Usage& usage) const
{
    return policy::cost(rates_of(main_, attempt.target()), usage);
}

std::optional<chat::Money> Orchestrator::cost(const Attempt& attempt, const chat::Usage& usage) const
{
    std::optional<chat::Money> sum = cost_of(attempt, usage);
    for (const std::unique_ptr<Attempt>& other : attempts_) {
        if (!sum || other.get() == &attempt || !other->seen().usage.known) continue;
        std::optional<chat::Money> one = cost_of(*other, other->seen().usage);
        sum = one ? sum->plus(*one) : std::nullopt;
    }
    return sum;
}

void Orchestrator::record_cost()
{
    if (!main_.priced) return;
    std::optional<chat::Money> sum;
    bool all = true;
    for (const std::unique_ptr<Attempt>& a : attempts_) {
        const chat::Usage& usage = a->seen().usage;
        if (!usage.known) continue;
        std::optional<chat::Money> one = cost_of(*a, usage);
        if (one && sum) one = sum->plus(*one);
        if (!one) count_unpriced(main_);
        all = all && one;
        if (one) sum = one;
    }
    if (all) ctx_.record.cost = sum;
}

std::string Orchestrator::list_attempts(Fact fact) const
{
    std::string out;
    for (const std::unique_ptr<Attempt>& a : attempts_) {
        if (!out.empty()) out += ", ";
        out += describe(*a, fact);
    }
    return out;
}

std::string Orchestrator::describe(const Attempt& a, Fact fact) const
{
    switch (fact) {
        case Fact::provider:
            return std::string(view(a.target().provider->name));
        case Fact::model:
            return a.target().model;
        case Fact::status:
            return a.status() > 0 ? std::to_string(a.status()) : "-";
        case Fact::time: {
            ngx_msec_t ms = a.took();
            char text[32];
            int n = std::snprintf(text, sizeof(text), "%lu.%03lu", static_cast<unsigned long>(ms / 1000),
                                  static_cast<unsigned long>(ms % 1000));
            return {text, static_cast<size_t>(n)};
        }
        case Fact::cost: {
            const chat::Usage& usage = a.seen().usage;
            std::optional<chat::Money> cost = usage.known ? cost_of(a, usage) : std::nullopt;
            return cost ? chat::dollars(*cost) : "-";
        }
    }
    return "-";
}

}  // namespace llm::ngx
