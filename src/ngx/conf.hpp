#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "ngx/conf_route.hpp"
#include "ngx/ngx.hpp"
#include "ngx/secret.hpp"
#include "policy/breaker.hpp"
#include "policy/hedge.hpp"
#include "policy/pattern.hpp"
#include "policy/plan.hpp"
#include "policy/prices.hpp"
#include "providers/provider.hpp"

// The configuration as nginx holds it: one MainConf, one LocConf a location.
// Everything lives in the cycle's pool.
namespace llm::ngx {

struct Zone;
struct MainConf;
struct PriceFiles;
struct AnomalyLog;
struct TargetState;
struct CredentialEntry;
template <class State>
struct Table;

// File and line of a directive, for errors that show up only later.
struct Place {
    ngx_str_t file = {};
    ngx_uint_t line = 0;

    static Place of(const ngx_conf_t* cf) noexcept { return {cf->conf_file->file.name, cf->conf_file->line}; }
};

// "[emerg] <text> in <file>:<line>" and NGX_CONF_ERROR.
char* conf_error(ngx_conf_t* cf, const Place& place, const char* format, ...);

// TLS to a provider. Equal settings share one context, and with it one store
// of certificates.
struct TlsSettings {
    ngx_flag_t verify = NGX_CONF_UNSET;
    ngx_int_t depth = NGX_CONF_UNSET;
    ngx_str_t trusted = {};
    ngx_str_t certificate = {};
    ngx_str_t certificate_key = {};

    bool operator==(const TlsSettings& o) const noexcept;
};

struct TlsContext {
    TlsSettings settings;
    ngx_ssl_t* ssl;
};

struct HeaderConf {
    ngx_str_t name;
    ngx_http_complex_value_t value;
};

struct ProviderConf {
    MainConf* main = nullptr;
    ngx_str_t name = {};
    Place place;
    const providers::Provider* type = nullptr;

    ngx_str_t pass = {};  // as written
    bool tls = false;
    bool has_base = false;
    ngx_str_t base = {};         // the path in `pass`
    ngx_str_t host = {};         // Host header; with TLS also SNI and the verified name
    ngx_str_t server_name = {};  // host without port
    ngx_str_t api_version = {};
    ngx_uint_t carrier = NGX_CONF_UNSET_UINT;  // a providers::Auth in the place of the type's
    ngx_str_t project = {};                    // for the path, where the type's has them
    ngx_str_t location = {};
    static constexpr size_t kMaxKeys = 16;
    std::deque<Secret> keys;                   // several: one is as good as another
    std::vector<std::string_view> key_ids;     // of `keys`, empty for those without one
    std::vector<std::string_view> absent_ids;  // `key ... if_set`, and it is not
    bool keyless = false;                      // `key none`
    bool has_key = false;
    bool disabled = false;  // `key ... if_set`, and none of them is
    std::vector<HeaderConf*> headers;
    std::vector<ngx_str_t> pass_headers;
    std::vector<ngx_http_complex_value_t*> safety;  // CATEGORY=THRESHOLD each, or several
    TlsSettings tls_settings;
    std::vector<policy::Rate> prices;  // instead of the price files'
    policy::BreakerRules breaker;
    std::vector<std::string_view> said;  // directives that may be given once

    ngx_msec_t connect_timeout = NGX_CONF_UNSET_MSEC;
    ngx_msec_t send_timeout = NGX_CONF_UNSET_MSEC;
    ngx_msec_t first_token_timeout = NGX_CONF_UNSET_MSEC;
    ngx_msec_t idle_timeout = NGX_CONF_UNSET_MSEC;
    ngx_msec_t total_timeout = NGX_CONF_UNSET_MSEC;

    // Settings of the upstream connection. One object a provider: newer nginx
    // keeps idle connections apart by its address.
    ngx_http_upstream_srv_conf_t* upstream = nullptr;
    ngx_http_upstream_conf_t connection = {};
    ngx_http_complex_value_t ssl_name = {};
};

// Some of a provider's keys, by their numbers.
using KeySet = uint32_t;
inline constexpr KeySet kAllKeys = ~KeySet{0};
static_assert(ProviderConf::kMaxKeys <= 32);

struct TargetConf {
    Place place;
    std::string_view provider_name;
    ProviderConf* provider = nullptr;
    ngx_http_complex_value_t* model = nullptr;  // null: the name the client asked for
    bool fallback = false;
    TargetRules rules;
    KeySet keys = kAllKeys;

    bool disabled() const noexcept { return provider->disabled || keys == 0; }
};

struct ModelPattern {
    Place place;
    std::string_view text;  // as written; in the cycle's pool
    policy::Pattern pattern;
    ngx_http_regex_t* regex = nullptr;
};

struct ModelConf {
    Place place;
    std::vector<ModelPattern> patterns;
    std::vector<TargetConf> targets;  // fallbacks last
    RouteRules route;
    ngx_uint_t validate = NGX_CONF_UNSET_UINT;
    uint8_t escalate = 0;       // reasons, of Escalate
    bool hold_streams = false;  // so that they can be judged
    policy::PlanRules plan;
    policy::BudgetRules budget;
    policy::HedgeRules hedge;
    std::vector<std::string_view> said;  // directives that may be given once

    // Whether a target is left that is not disabled.
    bool available() const noexcept;
};

struct KeyConf {
    Place place;
    u_char digest[32];
    ngx_str_t id = {};
};

struct ProjectConf {
    ngx_str_t name = {};
    Place place;
    std::vector<KeyConf> keys;
    std::vector<ModelPattern> models;  // empty: all
};

// A host name that is resolved while nginx runs (resolve.cc).
struct DynamicUpstream;

// What is known of targets where no zone holds it (health.hpp).
struct Health {
    Table<TargetState>* targets = nullptr;
    Table<CredentialEntry>* credentials = nullptr;
};

struct MainConf {
    Place zone_place;
    ngx_shm_zone_t* zone = nullptr;
    Zone* shared = nullptr;   // set when the zone is mapped
    uint64_t generation = 0;  // of this configuration, in the zone
    std::vector<ProviderConf*> providers;
    std::vector<ModelConf*> models;
    std::vector<TargetConf> fallbacks;  // llm_fallback
    std::vector<ProjectConf*> projects;
    std::vector<TlsContext> tls;
    std::vector<DynamicUpstream*> dynamic;
    PriceFiles* prices = nullptr;  // of llm_prices; null without
    bool priced = false;           // something has a price
    Health health;
    bool in_use = false;               // some location has llm_gateway on
    ngx_int_t request_id = NGX_ERROR;  // index of nginx's $request_id
    time_t loaded = 0;

    ProviderConf* provider(std::string_view name) const noexcept;
    ProjectConf* project(std::string_view name) const noexcept;
    const ModelConf* model(std::string_view exact_name) const noexcept;  // no pattern is looked at
};

enum Validate : ngx_uint_t { kIgnoreFlaws, kLogFlaws, kRetryFlaws };
enum Escalate : uint8_t { kEscalateInvalid = 1, kEscalateRefusal = 2, kEscalateLength = 4, kEscalateEmpty = 8 };
enum Unsupported : ngx_uint_t { kDropUnsupported, kRejectUnsupported };
enum ModelName : ngx_uint_t { kProviderModelName, kAskedModelName };

struct LocConf {
    ngx_flag_t gateway;
    ngx_str_t prefix;  // of the location that has llm_gateway
    Place place;
    ngx_flag_t auth;
    ngx_flag_t direct;
    ngx_flag_t client_routing;
    ngx_flag_t headers;
    ngx_uint_t unsupported;
    ngx_uint_t model_name;
    size_t max_body;
    size_t max_event;
    size_t max_response;
    size_t max_tool_arguments;
    ngx_int_t max_depth;
    ngx_msec_t keepalive;  // between comments to a client that waits; 0: none
    const providers::Provider* sandbox;
    Place sandbox_place;
    bool status;
    Place status_place;
    AnomalyLog* anomalies;  // null: as the level above
};

inline MainConf* main_conf(const ngx_http_request_t* r) noexcept
{
    return static_cast<MainConf*>(ngx_http_get_module_main_conf(r, ngx_http_llm_gateway_module));
}

inline LocConf* loc_conf(const ngx_http_request_t* r) noexcept
{
    return static_cast<LocConf*>(ngx_http_get_module_loc_conf(r, ngx_http_llm_gateway_module));
}

inline MainConf* main_conf(ngx_conf_t* cf) noexcept
{
    return static_cast<MainConf*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_gateway_module));
}

// Blocks whose directives have names of their own.
constexpr ngx_uint_t kProviderBlock = 0x00020000;
constexpr ngx_uint_t kModelBlock = 0x00040000;
constexpr ngx_uint_t kProjectBlock = 0x00080000;

// Parses the directives of a block with `object` as their configuration.
char* parse_block(ngx_conf_t* cf, ngx_uint_t block, void* object);

// One of nginx's own setters for a member of a block's object.
template <auto Member, auto Setter, class Object>
char* slot_of(ngx_conf_t* cf, ngx_command_t* cmd, Object* object) noexcept
{
    ngx_command_t at_zero = *cmd;
    at_zero.offset = 0;
    return Setter(cf, &at_zero, &(object->*Member));
}

// Setters (conf_*.cc) that need a grammar of their own.
char* set_zone(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_provider(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_type(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_pass(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_host(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_api_version(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_provider_key(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_header(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_safety(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_pass_header(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_breaker(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_model(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_target(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_route(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_escalate(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_anomaly_log(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_default_fallback(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_attempts(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_retry(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_retry_within(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_hedge(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_retry_budget(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_project(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_client_key(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_project_models(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_gateway(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_sandbox(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_status(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_prices(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_provider_price(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* set_server(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);

// A text with variables; null after an error was logged. The text must live as
// long as the cycle.
ngx_http_complex_value_t* compile_value(ngx_conf_t* cf, std::string_view text);

// Reads a target's parameters from the `first` argument on; NGX_CONF_OK, or
// NGX_CONF_ERROR after an error was logged.
char* read_target_rules(ngx_conf_t* cf, ngx_uint_t first, TargetRules& rules);

// What a route needs and only the whole configuration has.
ngx_int_t finish_route(ngx_conf_t* cf, const MainConf& conf, const ModelConf& model);
// Adds the price called `name` ("input", ...) in dollars a million tokens.
char* read_price(std::string_view name, std::string_view value, std::vector<policy::Rate>& prices);

// Reads a name, `prefix*` or `~regex`; false after an error was logged.
bool read_pattern(ngx_conf_t* cf, const ngx_str_t& text, ModelPattern& out);

void* create_main_conf(ngx_conf_t* cf);
void* create_loc_conf(ngx_conf_t* cf);
char* merge_loc_conf(ngx_conf_t* cf, void* parent, void* child);

// What can be checked only when all of the configuration has been read.
ngx_int_t finish_providers(ngx_conf_t* cf, MainConf& conf);
ngx_int_t finish_models(ngx_conf_t* cf, MainConf& conf);
ngx_int_t finish_projects(ngx_conf_t* cf, MainConf& conf);

}  // namespace llm::ngx
