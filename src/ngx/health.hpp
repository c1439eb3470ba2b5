#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ngx/conf.hpp"
#include "ngx/table.hpp"
#include "policy/breaker.hpp"
#include "policy/credentials.hpp"
#include "policy/hedge.hpp"
#include "policy/retry.hpp"

// What all requests of all workers have seen of targets and credentials. It
// stands in the zone and outlives reloads; without a zone each worker has its own.
namespace llm::ngx {

struct Target;

// Of a provider and its name for the model.
struct TargetState {
    static constexpr size_t kMaxName = 64 + 1 + 256;

    policy::BreakerState breaker;
    policy::Budget budget;
    policy::HedgeState hedge;
    uint64_t ended[chat::kErrorClasses];  // attempts by what they came to; `none`: an answer
    uint64_t given_up;                    // by a client that went away, or as another was faster
};

// Of a provider and a digest of the key: a new key begins anew.
struct CredentialEntry : policy::CredentialState {
    static constexpr size_t kMaxName = 64 + 1 + sizeof(uint64_t);
};

// Tables of the worker's own, for a configuration without a zone.
ngx_int_t create_health(ngx_conf_t* cf, MainConf& conf);

// How a target is to be asked.
enum class Asking : uint8_t {
    plain,
    retry,   // with a resting credential, too, if there is no other
    bypass,  // as well when its breaker is open
};

// Leave to ask a target, to be given back by exactly one of settle() and
// abandon().
struct Admission {
    policy::Breaker::Pass pass = policy::Breaker::Pass::refused;
    size_t credential = 0;  // index into the provider's; 0 with `key none`
    int64_t began_ms = 0;
    std::string_view obstacle;  // why it is refused; static text

    bool granted() const noexcept { return pass != policy::Breaker::Pass::refused; }
};

// What may be tried at a target that has just failed.
struct Standing {
    bool credential_left = false;
    bool may_retry = false;  // its breaker and the budget let it
};

Admission admit(const MainConf& conf, const Target& target, Asking asking, ngx_log_t* log);

// Why a target would be passed over now; empty: it would be asked. Static text.
std::string_view obstacle_to(const MainConf& conf, const Target& target);

// What an attempt has shown of its target and credential.
struct Outcome {
    const chat::ApiError& error;  // unset: an answer
    policy::RateSense rate;
    bool stream = false;
    int64_t took_ms = -1;  // to the first token of a stream, or in all; -1: nobody knows
};

Standing settle(const MainConf& conf, const Target& target, const Admission& admission, const Outcome& outcome,
                const policy::BudgetRules& budget, ngx_log_t* log);

// When a second attempt begins beside a first at that target, in milliseconds; -1:
// not at all. The request is counted.
int64_t hedge_delay(const MainConf& conf, const Target& first, const policy::HedgeRules& rules, bool stream);

// Whether one may begin now; it is counted then.
bool take_hedge(const MainConf& conf, const Target& first, const policy::HedgeRules& rules);

// Nothing was learnt: the client went away, or nothing was sent.
void abandon(const MainConf& conf, const Target& target, const Admission& admission);

// A probe has begun to answer: others need not wait for its end.
void promote(const MainConf& conf, const Target& target, Admission& admission, ngx_log_t* log);

// --- for those who look -----------------------------------------------------------

// Milliseconds of the clock that the states' times are of.
int64_t health_time() noexcept;

struct TargetReport {
    std::string provider, model;
    TargetState state;
};

// All targets that have been asked, by name.
std::vector<TargetReport> report_targets(const MainConf& conf);

// A provider's credentials, in the order in which they are configured.
std::vector<policy::CredentialState> report_credentials(const MainConf& conf, const ProviderConf& provider);

}  // namespace llm::ngx
