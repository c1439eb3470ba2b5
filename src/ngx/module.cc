// The module as nginx sees it: directives, contexts and hooks. Tables only.
#include <cstddef>

#include "ngx/conf.hpp"
#include "ngx/process.hpp"

namespace llm::ngx {

namespace {

ngx_conf_enum_t unsupported_values[] = {
    {ngx_string("drop"), kDropUnsupported},
    {ngx_string("reject"), kRejectUnsupported},
    {ngx_null_string, 0},
};

ngx_conf_enum_t auth_values[] = {
    {ngx_string("bearer"), static_cast<ngx_uint_t>(providers::Auth::bearer)},
    {ngx_string("x-api-key"), static_cast<ngx_uint_t>(providers::Auth::x_api_key)},
    {ngx_string("api-key"), static_cast<ngx_uint_t>(providers::Auth::api_key)},
    {ngx_null_string, 0},
};

ngx_conf_enum_t model_name_values[] = {
    {ngx_string("provider"), kProviderModelName},
    {ngx_string("asked"), kAskedModelName},
    {ngx_null_string, 0},
};

ngx_conf_enum_t validate_values[] = {
    {ngx_string("off"), kIgnoreFlaws},
    {ngx_string("log"), kLogFlaws},
    {ngx_string("retry"), kRetryFlaws},
    {ngx_null_string, 0},
};

// As nginx's own setter of such values, but the error says what would be right.
char* set_choice(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) noexcept
{
    auto* value = static_cast<ngx_str_t*>(cf->args->elts) + 1;
    u_char text[64];
    u_char* end = text;
    for (auto* choice = static_cast<ngx_conf_enum_t*>(cmd->post); choice->name.len; choice++) {
        if (view(choice->name) == view(*value)) return ngx_conf_set_enum_slot(cf, cmd, conf);
        end = ngx_slprintf(end, text + sizeof(text), "%s\"%V\"", end == text ? "" : " or ", &choice->name);
    }
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\" in \"%V\", it must be %*s", value, &cmd->name,
                       static_cast<size_t>(end - text), text);
    return static_cast<char*>(NGX_CONF_ERROR);
}

// JSON deeper than this is nobody's request; yajl's stack is sized by it.
ngx_conf_num_bounds_t depth_bounds = {ngx_conf_check_num_bounds, 1, 512};

// Every cap is one: 0 does not mean endless, and offsets into a body have 32 bits.
char* check_size(ngx_conf_t*, void*, void* value) noexcept
{
    constexpr size_t kGigabyte = size_t{1} << 30;
    size_t size = *static_cast<size_t*>(value);
    if (size >= 1 && size <= kGigabyte) return NGX_CONF_OK;
    return const_cast<char*>("must be between 1 and 1g");
}
ngx_conf_post_t size_bounds = {check_size};

// Setters may run out of memory; nginx's parser must not see an exception.
template <auto Setter>
char* set(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) noexcept
{
    char* rv = static_cast<char*>(NGX_CONF_ERROR);
    guarded(cf->log, [&] {
        rv = Setter(cf, cmd, conf);
        return ngx_int_t{NGX_OK};
    });
    return rv;
}

template <auto Member, auto Setter>
char* provider_slot(ngx_conf_t* cf, ngx_command_t* cmd, void* conf)
{
    return slot_of<Member, Setter>(cf, cmd, static_cast<ProviderConf*>(conf));
}

// A time limit. Nothing can be done in none.
template <auto Member, auto Setter>
char* provider_time(ngx_conf_t* cf, ngx_command_t* cmd, void* conf)
{
    auto* provider = static_cast<ProviderConf*>(conf);
    char* rv = slot_of<Member, Setter>(cf, cmd, provider);
    return rv == NGX_CONF_OK && provider->*Member == 0 ? const_cast<char*>("must not be 0") : rv;
}

// A name that becomes a part of the path.
template <auto Member>
char* set_provider_name(ngx_conf_t* cf, ngx_command_t* cmd, void* conf)
{
    auto* provider = static_cast<ProviderConf*>(conf);
    char* rv = slot_of<Member, ngx_conf_set_str_slot>(cf, cmd, provider);
    if (rv != NGX_CONF_OK) return rv;
    return (provider->*Member).len > 0 ? NGX_CONF_OK : const_cast<char*>("must not be empty");
}

template <auto Member, auto Setter>
char* tls_slot(ngx_conf_t* cf, ngx_command_t* cmd, void* conf)
{
    return slot_of<Member, Setter>(cf, cmd, &static_cast<ProviderConf*>(conf)->tls_settings);
}

template <auto Member>
char* model_choice(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) noexcept
{
    return slot_of<Member, set_choice>(cf, cmd, static_cast<ModelConf*>(conf));
}

constexpr ngx_uint_t kHttp = NGX_HTTP_MAIN_CONF;
constexpr ngx_uint_t kAnywhere = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;
constexpr ngx_uint_t kMain = NGX_HTTP_MAIN_CONF_OFFSET;
constexpr ngx_uint_t kLocation = NGX_HTTP_LOC_CONF_OFFSET;

// clang-format off
ngx_command_t commands[] = {

    // http
    {ngx_string("llm_zone"), kHttp | NGX_CONF_TAKE2,
     set<set_zone>, kMain, 0, nullptr},
    {ngx_string("llm_provider"), kHttp | NGX_CONF_BLOCK | NGX_CONF_TAKE1,
     set<set_provider>, kMain, 0, nullptr},
    {ngx_string("llm_model"), kHttp | NGX_CONF_BLOCK | NGX_CONF_1MORE,
     set<set_model>, kMain, 0, nullptr},
    {ngx_string("llm_fallback"), kHttp | NGX_CONF_1MORE,
     set<set_default_fallback>, kMain, 0, nullptr},
    {ngx_string("llm_project"), kHttp | NGX_CONF_BLOCK | NGX_CONF_TAKE1,
     set<set_project>, kMain, 0, nullptr},

    {ngx_string("llm_prices"), kHttp | NGX_CONF_TAKE12,
     set<set_prices>, kMain, 0, nullptr},

    // upstream
    {ngx_string("llm_server"), NGX_HTTP_UPS_CONF | NGX_CONF_1MORE,
     set<set_server>, NGX_HTTP_SRV_CONF_OFFSET, 0, nullptr},

    // location
    {ngx_string("llm_gateway"), NGX_HTTP_LOC_CONF | NGX_CONF_FLAG,
     set<set_gateway>, kLocation, 0, nullptr},
    {ngx_string("llm_sandbox"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1,
     set<set_sandbox>, kLocation, 0, nullptr},
    {ngx_string("llm_status"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
     set<set_status>, kLocation, 0, nullptr},

    // http, server, location
    {ngx_string("llm_auth"), kAnywhere | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, kLocation, offsetof(LocConf, auth), nullptr},
    {ngx_string("llm_direct"), kAnywhere | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, kLocation, offsetof(LocConf, direct), nullptr},
    {ngx_string("llm_client_routing"), kAnywhere | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, kLocation, offsetof(LocConf, client_routing), nullptr},
    {ngx_string("llm_headers"), kAnywhere | NGX_CONF_FLAG,
     ngx_conf_set_flag_slot, kLocation, offsetof(LocConf, headers), nullptr},
    {ngx_string("llm_unsupported"), kAnywhere | NGX_CONF_TAKE1,
     set_choice, kLocation, offsetof(LocConf, unsupported), unsupported_values},
    {ngx_string("llm_model_name"), kAnywhere | NGX_CONF_TAKE1,
     set_choice, kLocation, offsetof(LocConf, model_name), model_name_values},
    {ngx_string("llm_anomaly_log"), kAnywhere | NGX_CONF_TAKE1,
     set<set_anomaly_log>, kLocation, 0, nullptr},
    {ngx_string("llm_max_body"), kAnywhere | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, kLocation, offsetof(LocConf, max_body), &size_bounds},
    {ngx_string("llm_max_depth"), kAnywhere | NGX_CONF_TAKE1,
     ngx_conf_set_num_slot, kLocation, offsetof(LocConf, max_depth), &depth_bounds},
    {ngx_string("llm_keepalive"), kAnywhere | NGX_CONF_TAKE1,
     ngx_conf_set_msec_slot, kLocation, offsetof(LocConf, keepalive), nullptr},
    {ngx_string("llm_max_event"), kAnywhere | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, kLocation, offsetof(LocConf, max_event), &size_bounds},
    {ngx_string("llm_max_response"), kAnywhere | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, kLocation, offsetof(LocConf, max_response), &size_bounds},
    {ngx_string("llm_max_tool_arguments"), kAnywhere | NGX_CONF_TAKE1,
     ngx_conf_set_size_slot, kLocation, offsetof(LocConf, max_tool_arguments), &size_bounds},

    // llm_provider
    {ngx_string("type"), kProviderBlock | NGX_CONF_TAKE1,
     set<set_type>, kMain, 0, nullptr},
    {ngx_string("pass"), kProviderBlock | NGX_CONF_TAKE1,
     set<set_pass>, kMain, 0, nullptr},
    {ngx_string("host"), kProviderBlock | NGX_CONF_TAKE1,
     set<set_host>, kMain, 0, nullptr},
    {ngx_string("key"), kProviderBlock | NGX_CONF_TAKE123,
     set<set_provider_key>, kMain, 0, nullptr},
    {ngx_string("auth"), kProviderBlock | NGX_CONF_TAKE1,
     provider_slot<&ProviderConf::carrier, set_choice>, kMain, 0, auth_values},
    {ngx_string("api_version"), kProviderBlock | NGX_CONF_TAKE1,
     set<set_api_version>, kMain, 0, nullptr},
    {ngx_string("header"), kProviderBlock | NGX_CONF_TAKE2,
     set<set_header>, kMain, 0, nullptr},
    {ngx_string("pass_header"), kProviderBlock | NGX_CONF_TAKE1,
     set<set_pass_header>, kMain, 0, nullptr},
    {ngx_string("breaker"), kProviderBlock | NGX_CONF_1MORE,
     set<set_breaker>, kMain, 0, nullptr},
    {ngx_string("price"), kProviderBlock | NGX_CONF_1MORE,
     set<set_provider_price>, kMain, 0, nullptr},
    {ngx_string("project"), kProviderBlock | NGX_CONF_TAKE1,
     set_provider_name<&ProviderConf::project>, kMain, 0, nullptr},
    {ngx_string("location"), kProviderBlock | NGX_CONF_TAKE1,
     set_provider_name<&ProviderConf::location>, kMain, 0, nullptr},
    {ngx_string("safety"), kProviderBlock | NGX_CONF_1MORE,
     set<set_safety>, kMain, 0, nullptr},
    {ngx_string("connect_timeout"), kProviderBlock | NGX_CONF_TAKE1,
     provider_time<&ProviderConf::connect_timeout, ngx_conf_set_msec_slot>, kMain, 0, nullptr},
    {ngx_string("send_timeout"), kProviderBlock | NGX_CONF_TAKE1,
     provider_time<&ProviderConf::send_timeout, ngx_conf_set_msec_slot>, kMain, 0, nullptr},
    {ngx_string("first_token_timeout"), kProviderBlock | NGX_CONF_TAKE1,
     provider_time<&ProviderConf::first_token_timeout, ngx_conf_set_msec_slot>, kMain, 0, nullptr},
    {ngx_string("idle_timeout"), kProviderBlock | NGX_CONF_TAKE1,
     provider_time<&ProviderConf::idle_timeout, ngx_conf_set_msec_slot>, kMain, 0, nullptr},
    {ngx_string("total_timeout"), kProviderBlock | NGX_CONF_TAKE1,
     provider_time<&ProviderConf::total_timeout, ngx_conf_set_msec_slot>, kMain, 0, nullptr},
    {ngx_string("ssl_verify"), kProviderBlock | NGX_CONF_FLAG,
     tls_slot<&TlsSettings::verify, ngx_conf_set_flag_slot>, kMain, 0, nullptr},
    {ngx_string("ssl_verify_depth"), kProviderBlock | NGX_CONF_TAKE1,
     tls_slot<&TlsSettings::depth, ngx_conf_set_num_slot>, kMain, 0, nullptr},
    {ngx_string("ssl_trusted_certificate"), kProviderBlock | NGX_CONF_TAKE1,
     tls_slot<&TlsSettings::trusted, ngx_conf_set_str_slot>, kMain, 0, nullptr},
    {ngx_string("ssl_certificate"), kProviderBlock | NGX_CONF_TAKE1,
     tls_slot<&TlsSettings::certificate, ngx_conf_set_str_slot>, kMain, 0, nullptr},
    {ngx_string("ssl_certificate_key"), kProviderBlock | NGX_CONF_TAKE1,
     tls_slot<&TlsSettings::certificate_key, ngx_conf_set_str_slot>, kMain, 0, nullptr},

    // llm_model
    {ngx_string("target"), kModelBlock | NGX_CONF_1MORE,
     set<set_target>, kMain, 0, nullptr},
    {ngx_string("fallback"), kModelBlock | NGX_CONF_1MORE,
     set<set_target>, kMain, 0, nullptr},
    {ngx_string("route"), kModelBlock | NGX_CONF_1MORE,
     set<set_route>, kMain, 0, nullptr},

    {ngx_string("validate"), kModelBlock | NGX_CONF_TAKE1,
     model_choice<&ModelConf::validate>, kMain, 0, validate_values},
    {ngx_string("escalate"), kModelBlock | NGX_CONF_TAKE12,
     set<set_escalate>, kMain, 0, nullptr},
    {ngx_string("attempts"), kModelBlock | NGX_CONF_TAKE1,
     set<set_attempts>, kMain, 0, nullptr},
    {ngx_string("retry"), kModelBlock | NGX_CONF_1MORE,
     set<set_retry>, kMain, 0, nullptr},
    {ngx_string("retry_within"), kModelBlock | NGX_CONF_TAKE1,
     set<set_retry_within>, kMain, 0, nullptr},
    {ngx_string("hedge"), kModelBlock | NGX_CONF_TAKE12,
     set<set_hedge>, kMain, 0, nullptr},
    {ngx_string("retry_budget"), kModelBlock | NGX_CONF_TAKE12,
     set<set_retry_budget>, kMain, 0, nullptr},

    // llm_project
    {ngx_string("key"), kProjectBlock | NGX_CONF_TAKE12,
     set<set_client_key>, kMain, 0, nullptr},
    {ngx_string("models"), kProjectBlock | NGX_CONF_1MORE,
     set<set_project_models>, kMain, 0, nullptr},

    ngx_null_command,
};
// clang-format on

ngx_http_module_t context = {
    add_variables,     // preconfiguration
    finish_conf,       // postconfiguration
    create_main_conf,  // create main configuration
    nullptr,           // init main configuration
    nullptr,           // create server configuration
    nullptr,           // merge server configuration
    create_loc_conf,   // create location configuration
    merge_loc_conf,    // merge location configuration
};

}  // namespace

}  // namespace llm::ngx

extern "C" {

ngx_module_t ngx_http_llm_gateway_module = {
    NGX_MODULE_V1,
    &llm::ngx::context,
    llm::ngx::commands,
    NGX_HTTP_MODULE,
    nullptr,                 // init master
    nullptr,                 // init module
    llm::ngx::init_process,  // init process
    nullptr,                 // init thread
    nullptr,                 // exit thread
    llm::ngx::exit_process,  // exit process
    nullptr,                 // exit master
    NGX_MODULE_V1_PADDING,
};
}
