#include "ngx/tls.hpp"

#include <openssl/x509.h>

#include "base/text.hpp"

namespace llm::ngx {

namespace {

bool equal(const ngx_str_t& a, const ngx_str_t& b) noexcept
{
    return view(a) == view(b);
}

// "host:port" or "[v6]:port" without the port.
std::string_view without_port(std::string_view s) noexcept
{
    size_t colon = s.rfind(':');
    if (colon == s.npos || s.find(':') != colon) {
        // More than one colon: a bare IPv6 address, or one in brackets.
        if (!s.starts_with('[')) return s;
        return s.substr(0, s.find(']') + 1);
    }
    return s.substr(0, colon);
}

bool is_address(std::string_view host) noexcept
{
    ngx_str_t s = borrow(host);
    return host.starts_with('[') || ngx_inet_addr(s.data, s.len) != INADDR_NONE;
}

bool is_unix(std::string_view s) noexcept
{
    return s.starts_with("unix:");
}

// The server all of an upstream block's lines name, or an empty view.
std::string_view shared_server(const ngx_http_upstream_srv_conf_t& upstream) noexcept
{
    if (!upstream.servers) return {};
    auto* servers = static_cast<ngx_http_upstream_server_t*>(upstream.servers->elts);
    std::string_view shared;
    for (ngx_uint_t i = 0; i < upstream.servers->nelts; i++) {
        std::string_view name = view(servers[i].name);
        if (i > 0 && name != shared) return {};
        shared = name;
    }
    return shared;
}

constexpr const char* kBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",  // Debian
    "/etc/pki/tls/certs/ca-bundle.crt",    // RHEL
    "/etc/ssl/cert.pem",                   // Alpine
};

bool is_readable(const char* path) noexcept
{
    ngx_file_info_t info;
    return path && ngx_file_info(path, &info) != NGX_FILE_ERROR && ngx_is_file(&info) && ngx_file_size(&info) > 0;
}

const char* default_bundle() noexcept
{
    const char* from_env = getenv(X509_get_default_cert_file_env());
    if (is_readable(from_env)) return from_env;
    if (is_readable(X509_get_default_cert_file())) return X509_get_default_cert_file();
    for (const char* path : kBundles) {
        if (is_readable(path)) return path;
    }
    return nullptr;
}

ngx_ssl_t* create_context(ngx_conf_t* cf, ProviderConf& p)
{
    TlsSettings& s = p.tls_settings;
    auto* ssl = static_cast<ngx_ssl_t*>(ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t)));
    if (!ssl) return nullptr;
    ssl->log = cf->log;
    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3, nullptr) != NGX_OK) return nullptr;
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (!cleanup) {
        ngx_ssl_cleanup_ctx(ssl);
        return nullptr;
    }
    cleanup->handler = ngx_ssl_cleanup_ctx;
    cleanup->data = ssl;

    if (s.certificate.len && ngx_ssl_certificate(cf, ssl, &s.certificate, &s.certificate_key, nullptr) != NGX_OK) {
        return nullptr;
    }
    if (s.verify && ngx_ssl_trusted_certificate(cf, ssl, &s.trusted, s.depth) != NGX_OK) return nullptr;
    if (ngx_ssl_client_session_cache(cf, ssl, 1) != NGX_OK) return nullptr;
    return ssl;
}

}  // namespace

bool TlsSettings::operator==(const TlsSettings& o) const noexcept
{
    return verify == o.verify && depth == o.depth && equal(trusted, o.trusted) && equal(certificate, o.certificate) &&
           equal(certificate_key, o.certificate_key);
}

ngx_int_t find_host(ngx_conf_t* cf, ProviderConf& p)
{
    if (p.host.len == 0) {
        bool block = p.upstream->flags & NGX_HTTP_UPSTREAM_CREATE;
        std::string_view pass = view(p.pass).substr(p.tls ? 8 : 7);
        std::string_view server = block           ? shared_server(*p.upstream)
                                  : is_unix(pass) ? pass
                                                  : pass.substr(0, pass.find('/'));
        if (is_unix(server)) server = "localhost";
        bool unclear = server.empty() || (p.tls && p.tls_settings.verify && is_address(without_port(server)));
        if (unclear) {
            conf_error(cf, p.place, "llm_provider \"%V\" needs \"host\": no one name follows from \"pass %V\"", &p.name,
                       &p.pass);
            return NGX_ERROR;
        }
        // The default port is not part of the header.
        std::string_view port = p.tls ? ":443" : ":80";
        if (server.ends_with(port)) server.remove_suffix(port.size());
        p.host = copy_to(cf->pool, server);
        if (!p.host.data) return NGX_ERROR;
    }
    p.server_name = borrow(without_port(view(p.host)));
    return NGX_OK;
}

ngx_int_t use_tls(ngx_conf_t* cf, MainConf& conf, ProviderConf& p)
{
    TlsSettings& s = p.tls_settings;
    if (s.verify && s.trusted.len == 0) {
        const char* bundle = default_bundle();
        if (!bundle) {
            conf_error(cf, p.place,
                       "no certificate authorities were found on this system for llm_provider \"%V\": "
                       "install ca-certificates or set \"ssl_trusted_certificate\"",
                       &p.name);
            return NGX_ERROR;
        }
        s.trusted = copy_to(cf->pool, bundle);
        if (!s.trusted.data) return NGX_ERROR;
    }
    if (!s.verify) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0, "llm_provider \"%V\" does not verify certificates in %V:%ui", &p.name,
                      &p.place.file, p.place.line);
    }

    ngx_ssl_t* ssl = nullptr;
    for (const TlsContext& known : conf.tls) {
        if (known.settings == s) ssl = known.ssl;
    }
    if (!ssl) {
        ssl = create_context(cf, p);
        if (!ssl) {
            conf_error(cf, p.place, "TLS of llm_provider \"%V\" cannot be set up", &p.name);
            return NGX_ERROR;
        }
        conf.tls.push_back({s, ssl});
    }

    p.ssl_name.value = p.server_name;
    p.connection.ssl = ssl;
    p.connection.ssl_session_reuse = 1;
    p.connection.ssl_server_name = 1;
    p.connection.ssl_verify = s.verify;
    p.connection.ssl_name = &p.ssl_name;
    return NGX_OK;
}

ngx_int_t check_shared_upstreams(ngx_conf_t* cf, MainConf& conf)
{
    for (size_t i = 0; i < conf.providers.size(); i++) {
        for (size_t k = 0; k < i; k++) {
            ProviderConf& a = *conf.providers[k];
            ProviderConf& b = *conf.providers[i];
            if (a.upstream != b.upstream) continue;
            bool same =
                a.tls == b.tls && (!a.tls || (equal(a.server_name, b.server_name) && a.tls_settings == b.tls_settings));
            if (same) continue;
            conf_error(cf, b.place,
                       "llm_provider \"%V\" and \"%V\" use the upstream \"%V\" with different TLS settings or names: "
                       "give each its own upstream block",
                       &b.name, &a.name, &b.upstream->host);
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}

}  // namespace llm::ngx
