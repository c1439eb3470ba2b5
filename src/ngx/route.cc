#include "ngx/route.hpp"

#include "base/text.hpp"

namespace llm::ngx {

namespace {

constexpr size_t kMaxName = 256;

bool matches(ngx_http_request_t* r, const ModelPattern& p, std::string_view name)
{
#if (NGX_PCRE)
    if (p.regex) {
        ngx_str_t s = borrow(name);
        return ngx_http_regex_exec(r, p.regex, &s) == NGX_OK;
    }
#endif
    return p.pattern.matches(name);
}

const ModelConf* find_plain(const MainConf& conf, std::string_view name)
{
    const ModelConf* best = nullptr;
    size_t rank = 0;
    for (const ModelConf* model : conf.models) {
        for (const ModelPattern& p : model->patterns) {
            if (p.regex || !p.pattern.matches(name)) continue;
            if (best && p.pattern.rank() <= rank) continue;
            best = model;
            rank = p.pattern.rank();
        }
    }
    return best;
}

const ModelConf* find_regex(ngx_http_request_t* r, const MainConf& conf, std::string_view name)
{
    for (const ModelConf* model : conf.models) {
        for (const ModelPattern& p : model->patterns) {
            if (p.regex && matches(r, p, name)) return model;
        }
    }
    return nullptr;
}

}  // namespace

Route find_route(ngx_http_request_t* r, std::string_view name)
{
    const MainConf& conf = *main_conf(r);
    Route route;
    route.model = find_plain(conf, name);
    if (!route.model) route.model = find_regex(r, conf, name);
    if (route.model || !loc_conf(r)->direct) return route;

    size_t slash = name.find('/');
    if (slash == name.npos || slash + 1 == name.size()) return route;
    route.direct = conf.provider(name.substr(0, slash));
    route.direct_model = name.substr(slash + 1);
    return route;
}

bool is_allowed(ngx_http_request_t* r, const Caller& caller, std::string_view name)
{
    if (!caller.project || caller.project->models.empty()) return true;
    for (const ModelPattern& p : caller.project->models) {
        if (matches(r, p, name)) return true;
    }
    return false;
}

std::vector<Target> list_targets(ngx_http_request_t* r, const Route& route, std::string_view name)
{
    std::vector<Target> out;
    if (route.direct) {
        if (!route.direct->disabled) out.push_back({route.direct, std::string(route.direct_model), false});
        return out;
    }
    for (const TargetConf& t : route.model->targets) {
        if (t.disabled()) continue;
        std::string_view model = name;
        if (t.model) {
            ngx_str_t value;
            if (ngx_http_complex_value(r, t.model, &value) != NGX_OK) throw std::bad_alloc();
            model = view(value);
            if (!text::is_token(model, kMaxName)) {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "llm: the model name of target \"%V\" is empty or not printable", &t.provider->name);
                continue;
            }
        }
        out.push_back({t.provider, std::string(model), t.fallback, &t});
        if (t.rules.reasons) out.back().reasons = t.rules.reasons;
    }
    return out;
}

}  // namespace llm::ngx
