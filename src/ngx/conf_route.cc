// In llm_model { }: the order of targets, and what is said of each.
#include "ngx/conf_route.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "ngx/conf.hpp"

namespace llm::ngx {

namespace {

using policy::Strategy;

constexpr uint64_t kMaxWeight = 1'000'000;
constexpr uint64_t kMaxPriority = 1'000;
constexpr size_t kMaxTag = 64;
constexpr uint64_t kMaxTokens = 1'000'000'000;

char* error() noexcept
{
    return static_cast<char*>(NGX_CONF_ERROR);
}

template <class Number>
bool read_number(std::string_view text, uint64_t least, uint64_t most, Number& out) noexcept
{
    auto n = text::to_uint(text);
    if (!n || *n < least || *n > most) return false;
    out = static_cast<Number>(*n);
    return true;
}

// --- parameters of a target -----------------------------------------------------

// What is put together when all parameters have been read.
struct Reading {
    ngx_conf_t* cf;
    TargetRules& rules;
    std::string_view hours = {};
    std::string_view zone = {};
};

struct Parameter {
    std::string_view name;
    bool (*read)(Reading& to, std::string_view value);
    std::string_view must_be;
};

bool read_names(std::string_view list, std::vector<std::string_view>& out)
{
    for (;;) {
        size_t comma = list.find(',');
        if (!text::is_token(list.substr(0, comma), kMaxTag)) return false;
        out.push_back(list.substr(0, comma));
        if (comma == list.npos) return true;
        list.remove_prefix(comma + 1);
    }
}

bool read_tags(Reading& to, std::string_view value)
{
    return read_names(value, to.rules.tags);
}

bool read_keys(Reading& to, std::string_view value)
{
    return read_names(value, to.rules.keys);
}

bool read_condition(Reading& to, std::string_view value)
{
    if (value.find('$') == value.npos) return false;
    to.rules.condition = compile_value(to.cf, value);
    return to.rules.condition != nullptr;
}

bool read_hours(Reading& to, std::string_view value)
{
    to.hours = value;
    return policy::Hours::parse(value).has_value();
}

bool read_zone(Reading& to, std::string_view value)
{
    to.zone = value;
    return policy::Hours().set_zone(value);
}

struct ReasonName {
    std::string_view name;
    policy::Reason reason;
};
constexpr std::array kReasons = {
    ReasonName{"error", policy::kAnyError},
    ReasonName{"context_window", policy::kContextWindow},
    ReasonName{"content_policy", policy::kContentPolicy},
    ReasonName{"capability", policy::kCapability},
};

bool read_reasons(Reading& to, std::string_view value)
{
    for (bool more = true; more;) {
        size_t comma = value.find(',');
        const auto* known = std::find_if(kReasons.begin(), kReasons.end(),
                                         [&](const ReasonName& r) { return r.name == value.substr(0, comma); });
        if (known == kReasons.end()) return false;
        to.rules.reasons = static_cast<uint8_t>(to.rules.reasons | known->reason);
        more = comma != value.npos;
        if (more) value.remove_prefix(comma + 1);
    }
    return true;
}

constexpr std::string_view kNeedsList =
    "names of images, audio, files, tools, json_schema, audio_output with commas between";

constexpr std::array kParameters = {
    Parameter{"weight", [](Reading& to, std::string_view v) { return read_number(v, 0, kMaxWeight, to.rules.weight); },
              "a number up to 1000000"},
    Parameter{"priority",
              [](Reading& to, std::string_view v) { return read_number(v, 0, kMaxPriority, to.rules.priority); },
              "a number up to 1000"},
    Parameter{"tags", read_tags, "names with commas between"},
    Parameter{"keys", read_keys, "names with commas between"},
    Parameter{"if", read_condition, "a value with a variable"},
    Parameter{"hours", read_hours, "HH:MM-HH:MM"},
    Parameter{"zone", read_zone, "+HH:MM, -HH:MM or Z"},
    Parameter{"max_input_tokens",
              [](Reading& to, std::string_view v) { return read_number(v, 1, kMaxTokens, to.rules.offer.max_input); },
              "a number of tokens"},
    Parameter{"on", read_reasons, "names of error, context_window, content_policy, capability with commas between"},
    Parameter{"can", [](Reading& to, std::string_view v) { return policy::parse_needs(v, to.rules.can); }, kNeedsList},
    Parameter{"cannot", [](Reading& to, std::string_view v) { return policy::parse_needs(v, to.rules.offer.lacks); },
              kNeedsList},
};

const Parameter* find_parameter(std::string_view name) noexcept
{
    for (const Parameter& p : kParameters) {
        if (p.name == name) return &p;
    }
    return nullptr;
}

char* put_together(const Reading& read)
{
    if (read.hours.empty()) {
        return read.zone.empty() ? NGX_CONF_OK : const_cast<char*>("has \"zone=\" without \"hours=\"");
    }
    read.rules.hours = *policy::Hours::parse(read.hours);
    if (!read.zone.empty()) read.rules.hours.set_zone(read.zone);
    return NGX_CONF_OK;
}

// --- route ----------------------------------------------------------------------

struct StrategyName {
    std::string_view name;
    Strategy strategy;
    bool shared;  // what it goes by is in the zone
};

constexpr std::array kStrategies = {
    StrategyName{"cost", Strategy::cost, false},         StrategyName{"order", Strategy::order, false},
    StrategyName{"weighted", Strategy::weighted, false}, StrategyName{"random", Strategy::random, false},
    StrategyName{"hash", Strategy::hash, false},         StrategyName{"least_busy", Strategy::least_busy, true},
    StrategyName{"latency", Strategy::latency, true},
};

bool read_within(std::string_view text, uint32_t& out) noexcept
{
    constexpr std::string_view kName = "within=";
    if (!text.starts_with(kName)) return false;
    ngx_str_t value = borrow(text.substr(kName.size()));
    ngx_int_t ms = value.len ? ngx_parse_time(&value, 0) : NGX_ERROR;
    if (ms <= 0 || ms > static_cast<ngx_int_t>(policy::Average::kMaxSample)) return false;
    out = static_cast<uint32_t>(ms);
    return true;
}

}  // namespace

char* read_target_rules(ngx_conf_t* cf, ngx_uint_t first, TargetRules& rules)
{
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    Reading reading{cf, rules};
    unsigned seen = 0;
    for (ngx_uint_t i = first; i < cf->args->nelts; i++) {
        std::string_view text = view(args[i]);
        constexpr std::string_view kPrice = "_price=";
        if (size_t price = text.find(kPrice); price != text.npos) {
            char* rv = read_price(text.substr(0, price), text.substr(price + kPrice.size()), rules.prices);
            if (rv != NGX_CONF_OK) return rv;
            continue;
        }
        size_t equals = text.find('=');
        const Parameter* p = equals == text.npos ? nullptr : find_parameter(text.substr(0, equals));
        if (!p) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown parameter \"%V\" of \"%V\"", &args[i], args);
            return error();
        }
        unsigned bit = 1U << (p - kParameters.data());
        if (seen & bit) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate parameter \"%V\" of \"%V\"", &args[i], args);
            return error();
        }
        seen |= bit;
        if (!p->read(reading, text.substr(equals + 1))) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\" of \"%V\", it must be %*s", &args[i],
                               args, p->must_be.size(), p->must_be.data());
            return error();
        }
    }
    return put_together(reading);
}

// route STRATEGY [KEY | within=TIME]
char* set_route(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    RouteRules& route = static_cast<ModelConf*>(conf)->route;
    if (std::exchange(route.set, true)) return const_cast<char*>("is duplicate");
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    std::string_view name = view(args[1]);
    const auto* known =
        std::find_if(kStrategies.begin(), kStrategies.end(), [&](const StrategyName& s) { return s.name == name; });
    if (known == kStrategies.end()) {
        std::string names;
        for (const StrategyName& s : kStrategies) names.append(names.empty() ? "" : ", ").append(s.name);
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown strategy \"%V\", there are %s", &args[1], names.c_str());
        return error();
    }
    route.name = known->name;
    route.strategy = known->strategy;
    if (cf->args->nelts == 2) return NGX_CONF_OK;
    if (cf->args->nelts > 3) return const_cast<char*>("has too many parameters");
    switch (route.strategy) {
        case Strategy::hash:
            route.key = compile_value(cf, view(args[2]));
            return route.key ? NGX_CONF_OK : error();
        case Strategy::cost:
            if (read_within(view(args[2]), route.within)) return NGX_CONF_OK;
            return const_cast<char*>("takes \"within=TIME\" and nothing else behind \"cost\"");
        default:
            return const_cast<char*>("has too many parameters");
    }
}

ngx_int_t finish_route(ngx_conf_t* cf, const MainConf& conf, const ModelConf& model)
{
    const RouteRules& route = model.route;
    const auto* s = std::find_if(kStrategies.begin(), kStrategies.end(),
                                 [&](const StrategyName& known) { return known.name == route.name; });
    auto priced = [](const TargetConf& t) { return !t.rules.prices.empty() || !t.provider->prices.empty(); };
    const char* lacking = nullptr;
    if ((s->shared || route.within > 0) && !conf.zone) lacking = "an \"llm_zone\"";
    bool any_price = conf.prices || std::any_of(model.targets.begin(), model.targets.end(), priced);
    if (route.strategy == Strategy::cost && !any_price) lacking = "\"llm_prices\", or prices of its targets";
    if (!lacking) return NGX_OK;
    ngx_str_t name = borrow(model.patterns[0].text);
    ngx_str_t strategy = borrow(s->name);
    conf_error(cf, model.place, "\"route %V\" of llm_model \"%V\" needs %s", &strategy, &name, lacking);
    return NGX_ERROR;
}

}  // namespace llm::ngx
