#include "policy/select.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace llm::policy {

namespace {

// What a latency is compared for: an answer of this many tokens.
constexpr uint64_t kTypicalOutput = 200;
constexpr uint64_t kUnknown = std::numeric_limits<uint64_t>::max();

// Targets of one priority. Each of the strategies puts them in an order.
class Level {
public:
    Level(std::span<const Candidate> all, std::span<size_t> members, const Choice& choice, Random& random) noexcept
        : all_(all), members_(members), choice_(choice), random_(random)
    {
    }

    void sort()
    {
        switch (choice_.strategy) {
            case Strategy::order:
                return;
            case Strategy::weighted:
                return by_weight();
            case Strategy::random:
                return shuffle(members_);
            case Strategy::least_busy:
                return by_load();
            case Strategy::hash:
                return by_hash();
            case Strategy::latency:
                return by_latency();
            case Strategy::throughput:
                return by_throughput();
            case Strategy::cost:
                return choice_.within ? by_bounded_cost() : by_cost(members_);
        }
    }

private:
    const Candidate& at(size_t i) const noexcept { return all_[i]; }

    void shuffle(std::span<size_t> part) noexcept
    {
        for (size_t n = part.size(); n > 1; n--) std::swap(part[n - 1], part[random_.below(n)]);
    }

    // Moves the chosen one to the front of `rest`, those between keep their order.
    static void take(std::span<size_t>& rest, size_t chosen)
    {
        auto to = rest.begin() + static_cast<ptrdiff_t>(chosen);
        std::rotate(rest.begin(), to, to + 1);
        rest = rest.subspan(1);
    }

    // As drawing from an urn: the next one again by the weights of those left.
    void by_weight()
    {
        std::span<size_t> rest = members_;
        uint64_t total = 0;
        for (size_t i : rest) total += at(i).weight;
        while (total > 0) {
            uint64_t point = random_.below(total);
            size_t chosen = 0;
            while (point >= at(rest[chosen]).weight) point -= at(rest[chosen++]).weight;
            total -= at(rest[chosen]).weight;
            take(rest, chosen);
        }
    }

    // Attempts in hand by weight. Chance parts equals, or all workers would run to
    // the first of them.
    void by_load()
    {
        shuffle(members_);
        std::stable_sort(members_.begin(), members_.end(), [&](size_t a, size_t b) {
            const Candidate& x = at(a);
            const Candidate& y = at(b);
            if (!x.weight || !y.weight) return x.weight > y.weight;
            return uint64_t{x.active} * y.weight < uint64_t{y.active} * x.weight;
        });
    }

    // Weighted rendezvous hashing: a target that comes or goes moves its own share
    // of the keys and no other.
    void by_hash()
    {
        std::vector<std::pair<double, size_t>> scored;
        for (size_t i : members_) {
            double uniform = (static_cast<double>(mix(choice_.key ^ mix(at(i).id)) >> 12) + 0.5) / 0x1p52;
            scored.emplace_back(at(i).weight ? -std::log(uniform) / at(i).weight : HUGE_VAL, i);
        }
        std::stable_sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        for (size_t n = 0; n < scored.size(); n++) members_[n] = scored[n].second;
    }

    // The average that says most of how long the client waits.
    const Average& waiting(size_t i) const noexcept
    {
        return choice_.stream ? at(i).speed.first_token : at(i).speed.whole;
    }

    // In microseconds.
    uint64_t latency(size_t i) const noexcept
    {
        if (!waiting(i).known()) return kUnknown;
        uint64_t us = uint64_t{waiting(i).value()} * 1000;
        return choice_.stream ? us + at(i).speed.per_token.value() * kTypicalOutput : us;
    }

    // It is time to measure it (again), and nobody is at it.
    bool is_due(size_t i) noexcept
    {
        if (at(i).active > 0) return false;
        if (!waiting(i).known()) return true;
        return waiting(i).age(choice_.now) >= kStale && random_.below(kRecheck) == 0;
    }

    // Power of two choices: of two taken by chance the faster one is next, so that
    // not all run to the fastest. Those whose turn it is to be measured lead.
    void by_latency()
    {
        shuffle(members_);
        auto due = std::stable_partition(members_.begin(), members_.end(), [&](size_t i) { return is_due(i); });
        std::span<size_t> rest(due, members_.end());
        while (rest.size() > 1) {
            size_t a = random_.below(rest.size());
            size_t b = random_.below(rest.size() - 1);
            if (b >= a) b++;
            take(rest, latency(rest[b]) < latency(rest[a]) ? b : a);
        }
    }

    // Most tokens a second; streams alone tell of them.
    void by_throughput()
    {
        shuffle(members_);
        std::stable_sort(members_.begin(), members_.end(), [&](size_t a, size_t b) {
            const Average& x = at(a).speed.per_token;
            const Average& y = at(b).speed.per_token;
            if (!x.known() || !y.known()) return x.known() && !y.known();
            return x.value() < y.value();
        });
    }

    void by_cost(std::span<size_t> part)
    {
        std::stable_sort(part.begin(), part.end(), [&](size_t a, size_t b) {
            const std::optional<chat::Money>& x = at(a).cost;
            const std::optional<chat::Money>& y = at(b).cost;
            if (!x || !y) return x.has_value() && !y;
            return *x < *y;
        });
    }

    // The cheapest of those that are fast enough, or may be; then by speed.
    void by_bounded_cost()
    {
        auto slow = std::stable_partition(members_.begin(), members_.end(), [&](size_t i) {
            return (waiting(i).known() && waiting(i).value() <= choice_.within) || is_due(i);
        });
        by_cost({members_.begin(), slow});
        std::stable_sort(slow, members_.end(), [&](size_t a, size_t b) { return latency(a) < latency(b); });
    }

    std::span<const Candidate> all_;
    std::span<size_t> members_;
    const Choice& choice_;
    Random& random_;
};

}  // namespace

std::vector<size_t> rank(std::span<const Candidate> candidates, const Choice& choice, Random& random)
{
    std::vector<size_t> order(candidates.size());
    std::iota(order.begin(), order.end(), size_t{0});
    auto level = [&](size_t i) { return std::pair(candidates[i].fallback, candidates[i].priority); };
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return level(a) < level(b); });

    for (size_t from = 0, to; from < order.size(); from = to) {
        for (to = from + 1; to < order.size() && level(order[to]) == level(order[from]);) to++;
        bool movable = !candidates[order[from]].fallback;
        if (movable && to - from > 1) Level(candidates, {&order[from], to - from}, choice, random).sort();
    }
    return order;
}

}  // namespace llm::policy
