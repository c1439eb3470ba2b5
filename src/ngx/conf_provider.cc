// llm_provider { }
#include <cstdarg>

#include "base/text.hpp"
#include "dialects/gemini/gemini.hpp"
#include "ngx/conf.hpp"
#include "ngx/resolve.hpp"
#include "ngx/tls.hpp"

namespace llm::ngx {

namespace {

constexpr size_t kHeaderBytes = 16384;  // response headers of a provider

// Names the gateway itself writes, or that frame the message.
constexpr std::string_view kOwnHeaders[] = {
    "host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding", "expect",
    "te",   "trailer",        "upgrade",
};

// Headers that would hand the client's own secrets to a provider.
constexpr std::string_view kNeverPassed[] = {"authorization", "x-api-key", "cookie", "proxy-authorization"};

template <size_t N>
bool one_of(std::string_view name, const std::string_view (&names)[N]) noexcept
{
    for (std::string_view n : names) {
        if (text::iequals(name, n)) return true;
    }
    return false;
}

bool is_header_name(std::string_view s) noexcept
{
    for (char c : s) {
        if (!text::is_alpha(c) && !text::is_digit(c) && c != '-' && c != '_') return false;
    }
    return !s.empty();
}

std::string_view arg(ngx_conf_t* cf, size_t i) noexcept
{
    return view(static_cast<ngx_str_t*>(cf->args->elts)[i]);
}

ProviderConf& provider_of(void* conf) noexcept
{
    return *static_cast<ProviderConf*>(conf);
}

// A name of the shape nginx variables and log lines can carry.
bool is_name(std::string_view s) noexcept
{
    return text::is_token(s, 64) && s.find_first_of("/,;\"'{}$") == s.npos;
}

bool compile_value(ngx_conf_t* cf, ngx_uint_t i, ngx_http_complex_value_t& out)
{
    ngx_http_compile_complex_value_t ccv;
    ngx_memzero(&ccv, sizeof(ccv));
    ccv.cf = cf;
    ccv.value = static_cast<ngx_str_t*>(cf->args->elts) + i;
    ccv.complex_value = &out;
    return ngx_http_compile_complex_value(&ccv) == NGX_OK;
}

// The path's names that the configuration has to say, and no others.
char* check_path(ngx_conf_t* cf, const ProviderConf& p)
{
    struct Row {
        std::string_view name;
        const char* directive;
        const ngx_str_t& value;
    };
    const Row rows[] = {{"{project}", "project", p.project}, {"{location}", "location", p.location}};
    for (const Row& row : rows) {
        bool wanted = p.type->chat.path.find(row.name) != std::string_view::npos;
        if (wanted && row.value.len == 0) {
            return conf_error(cf, p.place, "llm_provider \"%V\" has no \"%s\"", &p.name, row.directive);
        }
        if (!wanted && row.value.len > 0) {
            return conf_error(cf, p.place, "llm_provider \"%V\" has \"%s\", which its type does not take", &p.name,
                              row.directive);
        }
    }
    return NGX_CONF_OK;
}

bool is_new(const ProviderConf& p, const Secret& key) noexcept
{
    for (const Secret& other : p.keys) {
        if (&other != &key && other.id() == key.id()) return false;
    }
    return true;
}

// Everything must have been said, or follow from what was.
char* complete(ngx_conf_t* cf, ProviderConf& p)
{
    if (!p.type) return conf_error(cf, p.place, "llm_provider \"%V\" has no \"type\"", &p.name);
    if (p.pass.len == 0) return conf_error(cf, p.place, "llm_provider \"%V\" has no \"pass\"", &p.name);
    if (!p.has_key) {
        return conf_error(cf, p.place,
                          "llm_provider \"%V\" has no \"key\" (say \"key none;\" for an upstream that needs none)",
                          &p.name);
    }
    if (char* rv = check_path(cf, p); rv != NGX_CONF_OK) return rv;
    bool is_gemini = p.type->chat.dialect == &gemini::kDialect || p.type->chat.dialect == &gemini::kVertexDialect;
    if (!p.safety.empty() && !is_gemini) {
        return conf_error(cf, p.place, "llm_provider \"%V\" has \"safety\", which its type does not take", &p.name);
    }
    if (!p.keyless && p.keys.empty()) {
        p.disabled = true;
        ngx_log_error(NGX_LOG_NOTICE, cf->log, 0, "llm_provider \"%V\" is disabled: it has no key in %V:%ui", &p.name,
                      &p.place.file, p.place.line);
    }
    bool tls_said = p.tls_settings.verify != NGX_CONF_UNSET || p.tls_settings.depth != NGX_CONF_UNSET ||
                    p.tls_settings.trusted.len || p.tls_settings.certificate.len || p.tls_settings.certificate_key.len;
    if (tls_said && !p.tls) {
        return conf_error(cf, p.place, "llm_provider \"%V\" has ssl_* directives, but \"pass\" is not https://",
                          &p.name);
    }
    if ((p.tls_settings.certificate.len == 0) != (p.tls_settings.certificate_key.len == 0)) {
        return conf_error(cf, p.place, "llm_provider \"%V\" needs both \"ssl_certificate\" and \"ssl_certificate_key\"",
                          &p.name);
    }
    ngx_conf_init_value(p.tls_settings.verify, 1);
    ngx_conf_init_value(p.tls_settings.depth, 4);
    ngx_conf_init_msec_value(p.connect_timeout, 5000);
    ngx_conf_init_msec_value(p.send_timeout, 60000);
    ngx_conf_init_msec_value(p.first_token_timeout, 120000);
    ngx_conf_init_msec_value(p.idle_timeout, 120000);
    ngx_conf_init_msec_value(p.total_timeout, 600000);
    return NGX_CONF_OK;
}

void fill_connection(ProviderConf& p)
{
    ngx_http_upstream_conf_t& u = p.connection;
    u.upstream = p.upstream;
    u.connect_timeout = p.connect_timeout;
    u.send_timeout = p.send_timeout;
    // Attempts have timers of their own: what may be waited for depends on the
    // request and on how far its answer has come.
    u.read_timeout = p.total_timeout;
    u.buffer_size = kHeaderBytes;
    u.buffering = 0;
    // Another address of the same upstream; answers are judged by the gateway.
    u.next_upstream = NGX_HTTP_UPSTREAM_FT_ERROR | NGX_HTTP_UPSTREAM_FT_TIMEOUT;
    ngx_str_set(&u.module, "llm");
}

}  // namespace

char* conf_error(ngx_conf_t* cf, const Place& place, const char* format, ...)
{
    u_char text[1024];
    va_list args;
    va_start(args, format);
    u_char* end = ngx_vslprintf(text, text + sizeof(text), format, args);
    va_end(args);
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%*s in %V:%ui", end - text, text, &place.file, place.line);
    return static_cast<char*>(NGX_CONF_ERROR);
}

char* parse_block(ngx_conf_t* cf, ngx_uint_t block, void* object)
{
    // Setters find `object` where they would find the module's main
    // configuration; everything else they ask of the context stays.
    auto* outer = static_cast<ngx_http_conf_ctx_t*>(cf->ctx);
    auto* ctx = static_cast<ngx_http_conf_ctx_t*>(ngx_pcalloc(cf->pool, sizeof(ngx_http_conf_ctx_t)));
    auto** slots = static_cast<void**>(ngx_palloc(cf->pool, ngx_http_max_module * sizeof(void*)));
    if (!ctx || !slots) return static_cast<char*>(NGX_CONF_ERROR);
    ngx_memcpy(slots, outer->main_conf, ngx_http_max_module * sizeof(void*));
    slots[ngx_http_llm_gateway_module.ctx_index] = object;
    *ctx = *outer;
    ctx->main_conf = slots;

    ngx_conf_t saved = *cf;
    cf->ctx = ctx;
    // With NGX_MAIN_CONF `include` works inside the block.
    cf->cmd_type = block | NGX_MAIN_CONF;
    char* rv = ngx_conf_parse(cf, nullptr);
    *cf = saved;
    return rv;
}

char* set_provider(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    auto& main = *static_cast<MainConf*>(conf);
    ngx_str_t name = static_cast<ngx_str_t*>(cf->args->elts)[1];
    if (!is_name(view(name)))
        return const_cast<char*>("needs a name of 1 to 64 printable characters without \"/\", commas and quotes");
    if (ProviderConf* other = main.provider(view(name))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate llm_provider \"%V\", the first one is in %V:%ui", &name,
                           &other->place.file, other->place.line);
        return static_cast<char*>(NGX_CONF_ERROR);
    }
    auto* p = make_in_pool<ProviderConf>(cf->pool);
    if (!p) return static_cast<char*>(NGX_CONF_ERROR);
    p->main = &main;
    p->name = name;
    p->place = Place::of(cf);
    main.providers.push_back(p);
    char* rv = parse_block(cf, kProviderBlock, p);
    return rv == NGX_CONF_OK ? complete(cf, *p) : rv;
}

char* set_type(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    ProviderConf& p = provider_of(conf);
    if (p.type) return const_cast<char*>("is duplicate");
    p.type = providers::find(arg(cf, 1));
    if (p.type) return NGX_CONF_OK;
    std::string known;
    for (const providers::Provider& row : providers::all()) {
        if (!known.empty()) known += ", ";
        known += row.name;
    }
    ngx_str_t name = static_cast<ngx_str_t*>(cf->args->elts)[1];
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown provider type \"%V\"; there are: %s", &name, known.c_str());
    return static_cast<char*>(NGX_CONF_ERROR);
}

// http[s]://UPSTREAM[/prefix], http://unix:PATH[:/prefix]
char* set_pass(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    ProviderConf& p = provider_of(conf);
    if (p.pass.len) return const_cast<char*>("is duplicate");
    p.pass = static_cast<ngx_str_t*>(cf->args->elts)[1];
    std::string_view pass = view(p.pass);
    p.tls = pass.starts_with("https://");
    if (!p.tls && !pass.starts_with("http://")) {
        return const_cast<char*>("must begin with \"http://\" or \"https://\"");
    }
    if (pass.find_first_of("?#$ ") != pass.npos) return const_cast<char*>("can hold neither a query nor variables");
    size_t scheme = p.tls ? 8 : 7;

    ngx_url_t url;
    ngx_memzero(&url, sizeof(url));
    url.url = borrow(pass.substr(scheme));
    url.default_port = p.tls ? 443 : 80;
    url.uri_part = 1;
    url.no_resolve = 1;
    p.upstream = ngx_http_upstream_add(cf, &url, 0);
    if (!p.upstream) return static_cast<char*>(NGX_CONF_ERROR);

    p.base = url.uri;
    p.has_base = url.uri.len > 0;
    // "https://host/" means the root, "https://host/v2/" the same as "/v2".
    while (p.base.len > 0 && p.base.data[p.base.len - 1] == '/') p.base.len--;
    return resolve_if_host(cf, *p.main, *p.upstream, url) == NGX_OK ? NGX_CONF_OK : static_cast<char*>(NGX_CONF_ERROR);
}

char* set_host(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    ProviderConf& p = provider_of(conf);
    if (p.host.len) return const_cast<char*>("is duplicate");
    std::string_view host = arg(cf, 1);
    if (!text::is_token(host, 255) || host.find_first_of("/@?#$\"") != host.npos)
        return const_cast<char*>("must be a host name");
    p.host = static_cast<ngx_str_t*>(cf->args->elts)[1];
    return NGX_CONF_OK;
}

// 2024-10-21, 2025-04-01-preview
char* set_api_version(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    ProviderConf& p = provider_of(conf);
    if (p.api_version.len) return const_cast<char*>("is duplicate");
    constexpr std::string_view kDate = "0000-00-00";
    std::string_view version = arg(cf, 1);
    bool good = version.size() >= kDate.size() && text::is_token(version, 64);
    for (size_t i = 0; good && i < kDate.size(); i++) {
        good = kDate[i] == '0' ? text::is_digit(version[i]) : version[i] == kDate[i];
    }
    if (!good) return const_cast<char*>("must be a date such as 2024-10-21, with or without \"-preview\"");
    p.api_version = static_cast<ngx_str_t*>(cf->args->elts)[1];
    return NGX_CONF_OK;
}

struct KeyOptions {
    bool if_set = false;
    std::string_view id = {};
};

char* read_key_options(ngx_conf_t* cf, const ProviderConf& p, KeyOptions& out)
{
    constexpr std::string_view kId = "id=";
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        std::string_view option = arg(cf, i);
        if (option == "if_set" && !std::exchange(out.if_set, true)) continue;
        bool is_id = option.starts_with(kId) && out.id.empty() && is_name(option.substr(kId.size()));
        if (!is_id) return const_cast<char*>("takes nothing but \"if_set\" and \"id=NAME\" behind the key");
        out.id = option.substr(kId.size());
    }
    auto has = [&](const std::vector<std::string_view>& ids) {
        return std::find(ids.begin(), ids.end(), out.id) != ids.end();
    };
    bool twice = !out.id.empty() && (has(p.key_ids) || has(p.absent_ids));
    return twice ? const_cast<char*>("has an \"id=\" that another key of this provider has") : NGX_CONF_OK;
}

// env:NAME | file:PATH | KEY | none, and if_set and id=NAME
char* set_provider_key(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    ProviderConf& p = provider_of(conf);
    bool none = arg(cf, 1) == "none";
    if (none && p.keyless) return const_cast<char*>("is duplicate");
    if (p.has_key && (none || p.keyless)) return const_cast<char*>("none cannot stand beside another key");
    KeyOptions options;
    if (char* rv = read_key_options(cf, p, options); rv != NGX_CONF_OK) return rv;
    p.has_key = true;
    if (none) {
        p.keyless = true;
        return NGX_CONF_OK;
    }
    if (p.keys.size() == ProviderConf::kMaxKeys) return const_cast<char*>("is given too often: 16 keys are the most");

    const char* why = "";
    Secret& key = p.keys.emplace_back();
    Secret::Load load = key.load(cf, arg(cf, 1), why);
    if (load == Secret::Load::ok) {
        p.key_ids.push_back(options.id);
        return is_new(p, key) ? NGX_CONF_OK : const_cast<char*>("is duplicate");
    }
    if (load == Secret::Load::missing && options.if_set) {
        if (!options.id.empty()) p.absent_ids.push_back(options.id);
        ngx_conf_log_error(NGX_LOG_NOTICE, cf, 0, "key \"%s\" of llm_provider \"%V\" is left out: %s",
                           key.name().c_str(), &p.name, why);
        p.keys.pop_back();
        return NGX_CONF_OK;
    }
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "key \"%s\" of llm_provider \"%V\": %s", key.name().c_str(), &p.name, why);
    return static_cast<char*>(NGX_CONF_ERROR);
}

char* set_header(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    ProviderConf& p = provider_of(conf);
    std::string_view name = arg(cf, 1);
    if (!is_header_name(name)) return const_cast<char*>("has an invalid header name");
    if (one_of(name, kOwnHeaders)) return const_cast<char*>("cannot set a header that the gateway writes itself");

    auto* header = make_in_pool<HeaderConf>(cf->pool);
    if (!header) return static_cast<char*>(NGX_CONF_ERROR);
    header->name = static_cast<ngx_str_t*>(cf->args->elts)[1];
    if (!compile_value(cf, 2, header->value)) return static_cast<char*>(NGX_CONF_ERROR);
    p.headers.push_back(header);
    return NGX_CONF_OK;
}

char* set_safety(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    ProviderConf& p = provider_of(conf);
    if (!p.safety.empty()) return const_cast<char*>("is duplicate");
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        auto* value = make_in_pool<ngx_http_complex_value_t>(cf->pool);
        if (!value || !compile_value(cf, i, *value)) return static_cast<char*>(NGX_CONF_ERROR);
        // What holds variables is known only with a request.
        std::string why = value->lengths ? std::string() : gemini::check_safety(arg(cf, i));
        if (!why.empty()) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\" in \"safety\": %s",
                               static_cast<ngx_str_t*>(cf->args->elts) + i, why.c_str());
            return static_cast<char*>(NGX_CONF_ERROR);
        }
        p.safety.push_back(value);
    }
    return NGX_CONF_OK;
}

char* set_pass_header(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    ProviderConf& p = provider_of(conf);
    std::string_view name = arg(cf, 1);
    if (!is_header_name(name)) return const_cast<char*>("has an invalid header name");
    if (one_of(name, kOwnHeaders)) return const_cast<char*>("cannot pass a header that the gateway writes itself");
    if (one_of(name, kNeverPassed)) return const_cast<char*>("cannot pass a header that holds the client's secrets");
    p.pass_headers.push_back(static_cast<ngx_str_t*>(cf->args->elts)[1]);
    return NGX_CONF_OK;
}

ngx_int_t finish_providers(ngx_conf_t* cf, MainConf& conf)
{
    for (ProviderConf* p : conf.providers) {
        if (find_host(cf, *p) != NGX_OK) return NGX_ERROR;
        if (p->tls && use_tls(cf, conf, *p) != NGX_OK) return NGX_ERROR;
        fill_connection(*p);
    }
    return check_shared_upstreams(cf, conf);
}

}  // namespace llm::ngx
