// The directives of locations, and what ties the configuration together.
#include "ngx/conf.hpp"
#include "ngx/handler.hpp"
#include "ngx/health.hpp"
#include "ngx/process.hpp"
#include "ngx/resolve.hpp"
#include "ngx/sandbox.hpp"
#include "ngx/status.hpp"

namespace llm::ngx {

namespace {

constexpr size_t kMegabyte = 1048576;

ngx_http_core_loc_conf_t* core_conf(ngx_conf_t* cf) noexcept
{
    return static_cast<ngx_http_core_loc_conf_t*>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
}

// Keys can only be checked where there are some, and none is never a default.
char* check_auth(ngx_conf_t* cf, const MainConf& main, const LocConf& conf)
{
    if (!conf.auth || !main.projects.empty()) return NGX_CONF_OK;
    return conf_error(
        cf, conf.place,
        "llm_gateway without any llm_project: add one with a key, or say \"llm_auth off;\" for an open gateway");
}

}  // namespace

void* create_main_conf(ngx_conf_t* cf)
{
    auto* conf = make_in_pool<MainConf>(cf->pool);
    if (conf) conf->loaded = ngx_time();
    return conf;
}

void* create_loc_conf(ngx_conf_t* cf)
{
    auto* conf = static_cast<LocConf*>(ngx_pcalloc(cf->pool, sizeof(LocConf)));
    if (!conf) return nullptr;
    conf->gateway = NGX_CONF_UNSET;
    conf->auth = NGX_CONF_UNSET;
    conf->direct = NGX_CONF_UNSET;
    conf->client_routing = NGX_CONF_UNSET;
    conf->headers = NGX_CONF_UNSET;
    conf->unsupported = NGX_CONF_UNSET_UINT;
    conf->model_name = NGX_CONF_UNSET_UINT;
    conf->max_body = NGX_CONF_UNSET_SIZE;
    conf->max_event = NGX_CONF_UNSET_SIZE;
    conf->max_response = NGX_CONF_UNSET_SIZE;
    conf->max_tool_arguments = NGX_CONF_UNSET_SIZE;
    conf->max_depth = NGX_CONF_UNSET;
    conf->keepalive = NGX_CONF_UNSET_MSEC;
    return conf;
}

char* merge_loc_conf(ngx_conf_t* cf, void* parent, void* child)
{
    auto* prev = static_cast<LocConf*>(parent);
    auto* conf = static_cast<LocConf*>(child);
    bool said_here = conf->gateway != NGX_CONF_UNSET;
    if (!said_here) {
        conf->prefix = prev->prefix;
        conf->place = prev->place;
    }
    ngx_conf_merge_value(conf->gateway, prev->gateway, 0);
    ngx_conf_merge_value(conf->auth, prev->auth, 1);
    ngx_conf_merge_value(conf->direct, prev->direct, 0);
    ngx_conf_merge_value(conf->client_routing, prev->client_routing, 0);
    ngx_conf_merge_value(conf->headers, prev->headers, 1);
    ngx_conf_merge_uint_value(conf->unsupported, prev->unsupported, kDropUnsupported);
    ngx_conf_merge_uint_value(conf->model_name, prev->model_name, kProviderModelName);
    ngx_conf_merge_size_value(conf->max_body, prev->max_body, 32 * kMegabyte);
    ngx_conf_merge_size_value(conf->max_event, prev->max_event, kMegabyte);
    ngx_conf_merge_size_value(conf->max_response, prev->max_response, 32 * kMegabyte);
    ngx_conf_merge_size_value(conf->max_tool_arguments, prev->max_tool_arguments, kMegabyte);
    ngx_conf_merge_value(conf->max_depth, prev->max_depth, 128);
    ngx_conf_merge_msec_value(conf->keepalive, prev->keepalive, 0);
    if (!conf->anomalies) conf->anomalies = prev->anomalies;

    ngx_http_core_loc_conf_t* clcf = core_conf(cf);
    // `if` and limit_except are inside of the location, not another one.
    if (clcf->noname && !clcf->handler && prev->sandbox) {
        conf->sandbox = prev->sandbox;
        clcf->handler = sandbox_handler;
    }
    if (conf->sandbox && clcf->handler != sandbox_handler) {
        return conf_error(cf, conf->sandbox_place,
                          "\"llm_sandbox\" cannot share its location with proxy_pass or another content handler");
    }
    if (clcf->noname && !clcf->handler && prev->status) {
        conf->status = true;
        clcf->handler = status_handler;
    }
    if (conf->status && clcf->handler != status_handler) {
        return conf_error(cf, conf->status_place,
                          "\"llm_status\" cannot share its location with proxy_pass or another content handler");
    }
    if (!conf->gateway) return NGX_CONF_OK;
    if (clcf->handler && clcf->handler != gateway_handler) {
        if (said_here) {
            return conf_error(
                cf, conf->place,
                "\"llm_gateway on\" cannot share its location with proxy_pass or another content handler");
        }
        conf->gateway = 0;  // a nested location with a handler of its own
        return NGX_CONF_OK;
    }
    clcf->handler = gateway_handler;

    MainConf* main = main_conf(cf);
    main->in_use = true;
    if (said_here && clcf->client_max_body_size > 0 &&
        clcf->client_max_body_size < static_cast<off_t>(conf->max_body)) {
        ngx_log_error(
            NGX_LOG_WARN, cf->log, 0,
            "client_max_body_size %O is smaller than llm_max_body %uz: long prompts and images get 413 in %V:%ui",
            clcf->client_max_body_size, conf->max_body, &conf->place.file, conf->place.line);
    }
    return check_auth(cf, *main, *conf);
}

char* set_gateway(ngx_conf_t* cf, ngx_command_t* cmd, void* object)
{
    auto* conf = static_cast<LocConf*>(object);
    ngx_command_t slot = *cmd;
    slot.offset = offsetof(LocConf, gateway);
    if (char* rv = ngx_conf_set_flag_slot(cf, &slot, conf); rv != NGX_CONF_OK) return rv;
    conf->place = Place::of(cf);
    ngx_http_core_loc_conf_t* clcf = core_conf(cf);
    // Behind an exact or regular expression location nothing is left of the
    // URI to take the endpoint from: the whole URI is searched.
    bool whole = clcf->exact_match || clcf->named || clcf->noname;
#if (NGX_PCRE)
    whole = whole || clcf->regex;
#endif
    if (!whole) conf->prefix = clcf->name;
    return NGX_CONF_OK;
}

char* set_sandbox(ngx_conf_t* cf, ngx_command_t*, void* object)
{
    auto* conf = static_cast<LocConf*>(object);
    if (conf->sandbox) return const_cast<char*>("is duplicate");
    ngx_str_t type = static_cast<ngx_str_t*>(cf->args->elts)[1];
    conf->sandbox = providers::find(view(type));
    if (!conf->sandbox || !sandbox_speaks(*conf->sandbox)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown llm_sandbox type \"%V\"; there are: openai, anthropic",
                           &type);
        return static_cast<char*>(NGX_CONF_ERROR);
    }
    ngx_http_core_loc_conf_t* clcf = core_conf(cf);
    if (clcf->handler) return const_cast<char*>("cannot share its location with another content handler");
    clcf->handler = sandbox_handler;
    conf->sandbox_place = Place::of(cf);
    return NGX_CONF_OK;
}

char* set_status(ngx_conf_t* cf, ngx_command_t*, void* object)
{
    auto* conf = static_cast<LocConf*>(object);
    if (conf->status) return const_cast<char*>("is duplicate");
    ngx_http_core_loc_conf_t* clcf = core_conf(cf);
    if (clcf->handler) return const_cast<char*>("cannot share its location with another content handler");
    clcf->handler = status_handler;
    conf->status = true;
    conf->status_place = Place::of(cf);
    return NGX_CONF_OK;
}

ngx_int_t finish_conf(ngx_conf_t* cf)
{
    return guarded(cf->log, [&] {
        MainConf& conf = *main_conf(cf);
        for (auto step : {finish_providers, finish_models, finish_projects, finish_dynamic, create_health}) {
            if (step(cf, conf) != NGX_OK) return ngx_int_t{NGX_ERROR};
        }
        ngx_str_t name = ngx_string("request_id");
        conf.request_id = ngx_http_get_variable_index(cf, &name);
        install_filters();
        return ngx_int_t{conf.request_id == NGX_ERROR ? NGX_ERROR : NGX_OK};
    });
}

ProviderConf* MainConf::provider(std::string_view name) const noexcept
{
    for (ProviderConf* p : providers) {
        if (view(p->name) == name) return p;
    }
    return nullptr;
}

ProjectConf* MainConf::project(std::string_view name) const noexcept
{
    for (ProjectConf* p : projects) {
        if (view(p->name) == name) return p;
    }
    return nullptr;
}

const ModelConf* MainConf::model(std::string_view exact_name) const noexcept
{
    for (const ModelConf* model : models) {
        for (const ModelPattern& p : model->patterns) {
            if (!p.regex && p.text == exact_name) return model;
        }
    }
    return nullptr;
}

}  // namespace llm::ngx
