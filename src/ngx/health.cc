#include "ngx/health.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "ngx/orchestrator.hpp"
#include "ngx/zone.hpp"

namespace llm::ngx {

using policy::Breaker;
using policy::BreakerState;
using policy::CredentialState;
using policy::Owner;
using Pass = Breaker::Pass;

namespace {

// All of one provider's are looked at together, none may push out another.
static_assert(ProviderConf::kMaxKeys <= Table<CredentialEntry>::kWays);

constexpr std::string_view kNoKey = "no key is ready";
constexpr std::string_view kOpen = "breaker open";

constexpr size_t kLocalTargets = 65536;  // bytes
constexpr size_t kLocalCredentials = 16384;

// Of the machine, not of the worker.
int64_t now() noexcept
{
    return static_cast<int64_t>(ngx_current_msec);
}

Owner self() noexcept
{
    const ZoneWorker* row = worker_row();
    return {row ? row->generation : 0, static_cast<uint32_t>(ngx_worker), static_cast<int32_t>(ngx_pid)};
}

Health health_of(const MainConf& conf) noexcept
{
    if (!conf.shared) return conf.health;
    return {static_cast<Table<TargetState>*>(conf.shared->sections[Zone::targets].data),
            static_cast<Table<CredentialEntry>*>(conf.shared->sections[Zone::credentials].data)};
}

std::string_view id_of(const Secret& key, char (&bytes)[sizeof(uint64_t)]) noexcept
{
    uint64_t id = key.id();
    ngx_memcpy(bytes, &id, sizeof(id));
    return {bytes, sizeof(bytes)};
}

TargetState* state_of(const MainConf& conf, const Target& target) noexcept
{
    Table<TargetState>* table = health_of(conf).targets;
    return table ? &table->at({view(target.provider->name), target.model}) : nullptr;
}

CredentialEntry* credential_in(const MainConf& conf, const ProviderConf& provider, size_t index) noexcept
{
    Table<CredentialEntry>* table = health_of(conf).credentials;
    char bytes[sizeof(uint64_t)];
    return table ? &table->at({view(provider.name), id_of(provider.keys[index], bytes)}) : nullptr;
}

// The credentials that a target may use, with their numbers at the provider; none
// where nothing is known of them.
struct Ring {
    std::vector<const CredentialState*> states;
    std::vector<size_t> numbers;

    size_t pick(int64_t now_ms) const noexcept { return number(policy::pick_credential(states, now_ms)); }
    size_t soonest() const noexcept { return number(policy::soonest_credential(states)); }

private:
    size_t number(size_t place) const noexcept
    {
        return place == policy::kNoCredential ? policy::kNoCredential : numbers[place];
    }
};

bool may_use(const Target& target, size_t number) noexcept
{
    return !target.conf || (target.conf->keys >> number & 1) != 0;
}

// `but`: one that is left out.
Ring ring_of(const MainConf& conf, const Target& target, size_t but = policy::kNoCredential)
{
    Ring out;
    if (!health_of(conf).credentials) return out;
    for (size_t i = 0; i < target.provider->keys.size(); i++) {
        if (i == but || !may_use(target, i)) continue;
        out.states.push_back(credential_in(conf, *target.provider, i));
        out.numbers.push_back(i);
    }
    return out;
}

size_t first_key(const Target& target) noexcept
{
    size_t i = 0;
    while (i + 1 < target.provider->keys.size() && !may_use(target, i)) i++;
    return i;
}

bool owner_lives(const MainConf& conf, const BreakerState& state) noexcept
{
    if (state.phase != BreakerState::Phase::half_open) return false;
    return is_alive(conf, state.probe.pid, state.probe.generation);
}

void log_change(ngx_log_t* log, const Target& target, int64_t open_ms)
{
    const ngx_str_t& provider = target.provider->name;
    ngx_str_t name = borrow(target.model);
    if (open_ms > 0) {
        ngx_log_error(NGX_LOG_WARN, log, 0, "llm: breaker of upstream \"%V\", model \"%V\" is open for %L ms",
                      &provider, &name, open_ms);
    } else {
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "llm: breaker of upstream \"%V\", model \"%V\" is closed", &provider,
                      &name);
    }
}

void log_rest(ngx_log_t* log, const ProviderConf& provider, size_t index, const char* what, int64_t rest_ms)
{
    ngx_log_error(NGX_LOG_WARN, log, 0, "llm: key %uz of upstream \"%V\" %s and rests for %L ms", index + 1,
                  &provider.name, what, rest_ms);
}

}  // namespace

ngx_int_t create_health(ngx_conf_t* cf, MainConf& conf)
{
    auto create = [&](auto*& table, size_t bytes) {
        using T = std::remove_pointer_t<std::remove_reference_t<decltype(table)>>;
        uint32_t sets = T::sets_in(bytes);
        table = static_cast<T*>(ngx_pcalloc(cf->pool, T::size_of(sets)));
        if (table) table->sets = sets;
        return table != nullptr;
    };
    if (conf.zone || !conf.in_use) return NGX_OK;
    return create(conf.health.targets, kLocalTargets) && create(conf.health.credentials, kLocalCredentials) ? NGX_OK
                                                                                                            : NGX_ERROR;
}

Admission admit(const MainConf& conf, const Target& target, Asking asking, ngx_log_t* log)
{
    const ProviderConf& provider = *target.provider;
    // Looked at before the lock: a file may be read.
    for (const Secret& key : provider.keys) const_cast<Secret&>(key).value(log);

    Admission out;
    out.began_ms = now();
    out.credential = first_key(target);
    Lock lock(conf.shared);
    TargetState* state = state_of(conf, target);
    Ring ring = ring_of(conf, target);
    if (!ring.states.empty()) {
        out.credential = ring.pick(out.began_ms);
        if (out.credential == policy::kNoCredential) {
            if (asking == Asking::plain && provider.breaker.on) {
                out.obstacle = kNoKey;
                return out;
            }
            out.credential = ring.soonest();
        }
    }
    out.pass = Pass::free;
    if (state) {
        Breaker breaker(state->breaker, provider.breaker);
        out.pass = breaker.admit(self(), owner_lives(conf, state->breaker), out.began_ms);
        if (out.pass == Pass::refused && asking == Asking::bypass) out.pass = Pass::free;
        if (!out.granted()) out.obstacle = kOpen;
        if (out.granted()) state->budget.note(asking == Asking::retry, out.began_ms);
    }
    if (out.granted() && !ring.states.empty()) {
        credential_in(conf, provider, out.credential)->used = health_of(conf).credentials->uses;
    }
    return out;
}

std::string_view obstacle_to(const MainConf& conf, const Target& target)
{
    const ProviderConf& provider = *target.provider;
    if (!provider.breaker.on) return {};
    Lock lock(conf.shared);
    Ring ring = ring_of(conf, target);
    if (!ring.states.empty() && ring.pick(now()) == policy::kNoCredential) return kNoKey;
    TargetState* state = state_of(conf, target);
    bool open = state && Breaker(state->breaker, provider.breaker).refuses(owner_lives(conf, state->breaker), now());
    return open ? kOpen : std::string_view();
}

Standing settle(const MainConf& conf, const Target& target, const Admission& admission, const Outcome& outcome,
                const policy::BudgetRules& budget, ngx_log_t* log)
{
    const ProviderConf& provider = *target.provider;
    const chat::ApiError& error = outcome.error;
    Standing standing;
    bool failed = policy::recovery(error.kind).trips;
    bool changed = false;
    int64_t open_ms = 0;
    int64_t rest_ms = 0;
    {
        Lock lock(conf.shared);
        standing.may_retry = true;
        if (TargetState* state = state_of(conf, target)) {
            Breaker breaker(state->breaker, provider.breaker);
            state->ended[static_cast<size_t>(error.kind)]++;
            changed = failed ? breaker.fail(admission.pass, admission.began_ms, now())
                             : breaker.succeed(admission.began_ms, now());
            if (changed && failed) open_ms = state->breaker.until_ms - now();
            bool answered = !error.set() && outcome.took_ms >= 0;
            if (answered) (outcome.stream ? state->hedge.first_token : state->hedge.whole).note(outcome.took_ms);
            bool open = breaker.refuses(owner_lives(conf, state->breaker), now());
            standing.may_retry = !open && state->budget.allows(budget, now());
        }
        if (health_of(conf).credentials && !provider.keys.empty()) {
            CredentialState& key = *credential_in(conf, provider, admission.credential);
            bool news = key.ready(now()) || policy::recovery(error.kind).rotate;
            policy::note_answer(key, error.kind, error.retry_after_ms, outcome.rate, now());
            if (news) rest_ms = key.ready_ms - now();
            Ring others = ring_of(conf, target, admission.credential);
            standing.credential_left = others.pick(now()) != policy::kNoCredential;
        }
    }
    if (changed) log_change(log, target, open_ms);
    if (rest_ms > 0) {
        bool refused = error.kind == chat::ErrorClass::upstream_credential;
        log_rest(log, provider, admission.credential, refused ? "was refused" : "has used up its rate", rest_ms);
    }
    return standing;
}

int64_t hedge_delay(const MainConf& conf, const Target& first, const policy::HedgeRules& rules, bool stream)
{
    if (rules.when == policy::HedgeRules::When::never) return -1;
    Lock lock(conf.shared);
    TargetState* state = state_of(conf, first);
    if (!state) return -1;
    policy::note_request(state->hedge, now());
    return policy::hedge_delay(rules, state->hedge, stream);
}

bool take_hedge(const MainConf& conf, const Target& first, const policy::HedgeRules& rules)
{
    Lock lock(conf.shared);
    TargetState* state = state_of(conf, first);
    return state && policy::take_hedge(rules, state->hedge, now());
}

void abandon(const MainConf& conf, const Target& target, const Admission& admission)
{
    Lock lock(conf.shared);
    TargetState* state = state_of(conf, target);
    if (!state) return;
    state->given_up++;
    if (admission.pass == Pass::probe)
        Breaker(state->breaker, target.provider->breaker).release(admission.pass, self());
}

void promote(const MainConf& conf, const Target& target, Admission& admission, ngx_log_t* log)
{
    if (admission.pass != Pass::probe) return;
    bool closed = false;
    {
        Lock lock(conf.shared);
        TargetState* state = state_of(conf, target);
        if (state) closed = Breaker(state->breaker, target.provider->breaker).succeed(admission.began_ms, now());
    }
    admission.pass = Pass::free;
    if (closed) log_change(log, target, 0);
}

// --- for those who look -----------------------------------------------------------

int64_t health_time() noexcept
{
    return now();
}

std::vector<TargetReport> report_targets(const MainConf& conf)
{
    std::vector<TargetReport> out;
    const Table<TargetState>* table = health_of(conf).targets;
    if (!table) return out;
    std::vector<TableRow<TargetState>> rows;
    rows.reserve(table->capacity());
    {
        // Others wait meanwhile: what takes time is done with the copies.
        Lock lock(conf.shared);
        std::copy_if(table->rows, table->rows + table->capacity(), std::back_inserter(rows),
                     [](const TableRow<TargetState>& row) { return row.used != 0; });
    }
    for (const TableRow<TargetState>& row : rows) {
        std::string_view name(row.name, row.length);
        size_t end = name.find('\0');
        out.push_back({std::string(name.substr(0, end)), std::string(name.substr(end + 1)), row.state});
    }
    std::sort(out.begin(), out.end(), [](const TargetReport& a, const TargetReport& b) {
        return std::tie(a.provider, a.model) < std::tie(b.provider, b.model);
    });
    return out;
}

std::vector<CredentialState> report_credentials(const MainConf& conf, const ProviderConf& provider)
{
    std::vector<CredentialState> out(provider.keys.size());
    const Table<CredentialEntry>* table = health_of(conf).credentials;
    if (!table) return out;
    Lock lock(conf.shared);
    for (size_t i = 0; i < out.size(); i++) {
        char bytes[sizeof(uint64_t)];
        const CredentialEntry* known = table->find({view(provider.name), id_of(provider.keys[i], bytes)});
        if (known) out[i] = *known;
    }
    return out;
}

}  // namespace llm::ngx
