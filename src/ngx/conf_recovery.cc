// What llm_provider and llm_model say of failures.
#include "ngx/conf.hpp"
#include "ngx/parameters.hpp"

namespace llm::ngx {

namespace {

using Kind = Parameter::Kind;

constexpr int64_t kHour = 3'600'000;

const ngx_str_t& arg(ngx_conf_t* cf, size_t i) noexcept
{
    return static_cast<ngx_str_t*>(cf->args->elts)[i];
}

// The first argument, which has no name.
char* read_first(ngx_conf_t* cf, const Parameter& p)
{
    if (read_value(view(arg(cf, 1)), p, *p.value)) return NGX_CONF_OK;
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\" in \"%V\", it must be %L%s to %L%s", &arg(cf, 1),
                       &arg(cf, 0), p.least, p.kind == Kind::percent ? "%" : "", p.most,
                       p.kind == Kind::percent ? "%" : "");
    return static_cast<char*>(NGX_CONF_ERROR);
}

// Whether a block has the directive for the first time.
template <class Block>
bool is_first(ngx_conf_t* cf, Block& block)
{
    for (std::string_view name : block.said) {
        if (name == view(arg(cf, 0))) return false;
    }
    block.said.push_back(view(arg(cf, 0)));
    return true;
}

constexpr const char* kTwice = "is duplicate";

ModelConf& model_of(void* conf) noexcept
{
    return *static_cast<ModelConf*>(conf);
}

}  // namespace

// off | [failures=N] [ratio=P%] [requests=N] [window=T] [cooldown=T] [max_cooldown=T]
char* set_breaker(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    auto& provider = *static_cast<ProviderConf*>(conf);
    policy::BreakerRules& rules = provider.breaker;
    if (!is_first(cf, provider)) return const_cast<char*>(kTwice);
    if (view(arg(cf, 1)) == "off") {
        rules.on = false;
        return cf->args->nelts == 2 ? NGX_CONF_OK : const_cast<char*>("off takes no parameters");
    }
    int64_t failures = rules.failures;
    int64_t percent = rules.percent;
    int64_t requests = rules.requests;
    const Parameter known[] = {
        {"failures", Kind::number, 0, policy::BreakerRules::kMaxFailures, &failures},
        {"ratio", Kind::percent, 1, 100, &percent},
        {"requests", Kind::number, 1, 1000000, &requests},
        {"window", Kind::time, 1, 24 * kHour, &rules.window_ms},
        {"cooldown", Kind::time, 1, 24 * kHour, &rules.cooldown_ms},
        {"max_cooldown", Kind::time, 1, 24 * kHour, &rules.max_cooldown_ms},
    };
    if (char* rv = read_parameters(cf, 1, known); rv != NGX_CONF_OK) return rv;
    rules.failures = static_cast<unsigned>(failures);
    rules.percent = static_cast<unsigned>(percent);
    rules.requests = static_cast<unsigned>(requests);
    rules.max_cooldown_ms = ngx_max(rules.max_cooldown_ms, rules.cooldown_ms);
    if (failures == 0 && percent == 0)
        return const_cast<char*>("needs \"failures=\" or \"ratio=\"; or say \"breaker off;\"");
    return NGX_CONF_OK;
}

// attempts N
char* set_attempts(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    if (!is_first(cf, model_of(conf))) return const_cast<char*>(kTwice);
    int64_t n = 0;
    char* rv = read_first(cf, {{}, Kind::number, 1, 16, &n});
    model_of(conf).plan.max_attempts = static_cast<unsigned>(n);
    return rv;
}

// retry N [delay=T] [max_delay=T] [total_delay=T]
char* set_retry(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    if (!is_first(cf, model_of(conf))) return const_cast<char*>(kTwice);
    policy::RetryRules& rules = model_of(conf).plan.retry;
    int64_t n = 0;
    if (char* rv = read_first(cf, {{}, Kind::number, 0, 10, &n}); rv != NGX_CONF_OK) return rv;
    rules.retries = static_cast<unsigned>(n);
    const Parameter known[] = {
        {"delay", Kind::time, 0, kHour, &rules.delay_ms},
        {"max_delay", Kind::time, 0, kHour, &rules.max_delay_ms},
        {"total_delay", Kind::time, 0, kHour, &rules.total_delay_ms},
    };
    return read_parameters(cf, 2, known);
}

// retry_within T
char* set_retry_within(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    if (!is_first(cf, model_of(conf))) return const_cast<char*>(kTwice);
    int64_t& within = model_of(conf).plan.retry.within_ms;
    const Parameter time = {{}, Kind::time, 1, 24 * kHour, &within};
    return read_value(view(arg(cf, 1)), time, within) ? NGX_CONF_OK : const_cast<char*>("has an invalid time");
}

// off | P% [min=N]
char* set_retry_budget(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    if (!is_first(cf, model_of(conf))) return const_cast<char*>(kTwice);
    policy::BudgetRules& rules = model_of(conf).budget;
    if (view(arg(cf, 1)) == "off") {
        rules.limited = false;
        return cf->args->nelts == 2 ? NGX_CONF_OK : const_cast<char*>("off takes no parameters");
    }
    int64_t percent = 0;
    int64_t least = rules.least;
    if (char* rv = read_first(cf, {{}, Kind::percent, 0, 100, &percent}); rv != NGX_CONF_OK) return rv;
    const Parameter known[] = {{"min", Kind::number, 0, 1000000, &least}};
    if (char* rv = read_parameters(cf, 2, known); rv != NGX_CONF_OK) return rv;
    rules.percent = static_cast<unsigned>(percent);
    rules.least = static_cast<unsigned>(least);
    return NGX_CONF_OK;
}

// TIME | p95 | race [max=P%]
char* set_hedge(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    using When = policy::HedgeRules::When;
    policy::HedgeRules& rules = model_of(conf).hedge;
    if (!is_first(cf, model_of(conf))) return const_cast<char*>(kTwice);
    std::string_view when = view(arg(cf, 1));
    const Parameter delay = {{}, Kind::time, 1, kHour, &rules.delay_ms};
    if (when == "p95") {
        rules.when = When::p95;
    } else if (when == "race") {
        rules.when = When::race;
        rules.percent = 100;  // it was said in so many words
    } else if (read_value(when, delay, rules.delay_ms)) {
        rules.when = When::after;
    } else {
        return const_cast<char*>("must be a time, \"p95\" or \"race\"");
    }
    int64_t percent = rules.percent;
    const Parameter known[] = {{"max", Kind::percent, 1, 100, &percent}};
    if (char* rv = read_parameters(cf, 2, known); rv != NGX_CONF_OK) return rv;
    rules.percent = static_cast<unsigned>(percent);
    return NGX_CONF_OK;
}

}  // namespace llm::ngx
