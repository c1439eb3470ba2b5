// llm_server, and the resolvers behind it.
#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/text.hpp"
#include "ngx/resolve.hpp"

namespace llm::ngx {

namespace {

constexpr in_port_t kDefaultPort = 443;
constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr size_t kMaxBlock = 1048576;

char* error() noexcept
{
    return static_cast<char*>(NGX_CONF_ERROR);
}

bool is_address(std::string_view host) noexcept
{
    ngx_str_t s = borrow(host);
    return host.starts_with('[') || ngx_inet_addr(s.data, s.len) != INADDR_NONE;
}

bool is_host_name(std::string_view s) noexcept
{
    for (char c : s) {
        if (!text::is_alpha(c) && !text::is_digit(c) && c != '-' && c != '.' && c != '_') return false;
    }
    return !s.empty() && s.size() <= 253 && s.front() != '.' && s.front() != '-';
}

DynamicUpstream* dynamic_for(ngx_conf_t* cf, MainConf& conf, ngx_http_upstream_srv_conf_t& upstream)
{
    for (DynamicUpstream* d : conf.dynamic) {
        if (d->upstream == &upstream) return d;
    }
    auto* d = make_in_pool<DynamicUpstream>(cf->pool);
    if (!d) return nullptr;
    d->upstream = &upstream;
    conf.dynamic.push_back(d);
    return d;
}

// A server that is down until the name has been resolved: nginx wants one in
// every block.
ngx_http_upstream_server_t* add_placeholder(ngx_conf_t* cf, ngx_http_upstream_srv_conf_t& upstream,
                                            std::string_view name)
{
    if (!upstream.servers) upstream.servers = ngx_array_create(cf->pool, 1, sizeof(ngx_http_upstream_server_t));
    if (!upstream.servers) return nullptr;
    auto* server = static_cast<ngx_http_upstream_server_t*>(ngx_array_push(upstream.servers));
    auto* addr = static_cast<ngx_addr_t*>(ngx_pcalloc(cf->pool, sizeof(ngx_addr_t)));
    auto* sin = static_cast<sockaddr_in*>(ngx_pcalloc(cf->pool, sizeof(sockaddr_in)));
    if (!server || !addr || !sin) return nullptr;
    ngx_memzero(server, sizeof(*server));
    server->name = copy_to(cf->pool, name);
    if (!server->name.data) return nullptr;
    sin->sin_family = AF_INET;
    addr->sockaddr = reinterpret_cast<sockaddr*>(sin);
    addr->socklen = sizeof(*sin);
    addr->name = server->name;
    server->addrs = addr;
    server->naddrs = 1;
    server->weight = 1;
    server->max_fails = 1;
    server->fail_timeout = 10;
    server->down = 1;
    return server;
}

DynamicHost* add_host(ngx_conf_t* cf, MainConf& conf, ngx_http_upstream_srv_conf_t& upstream, std::string_view name,
                      in_port_t port)
{
    DynamicUpstream* d = dynamic_for(cf, conf, upstream);
    auto* host = make_in_pool<DynamicHost>(cf->pool);
    if (!d || !host) return nullptr;
    host->upstream = d;
    host->name = name;
    host->port = port;
    if (!add_placeholder(cf, upstream, host->name + ':' + std::to_string(port))) return nullptr;
    host->server = upstream.servers->nelts - 1;
    d->hosts.push_back(host);
    return host;
}

// A literal address needs no look-up: it is an ordinary server.
char* add_address(ngx_conf_t* cf, ngx_http_upstream_srv_conf_t& upstream, const ngx_str_t& text)
{
    ngx_url_t url;
    ngx_memzero(&url, sizeof(url));
    url.url = text;
    url.default_port = kDefaultPort;
    if (ngx_parse_url(cf->pool, &url) != NGX_OK) return const_cast<char*>("has an invalid address");
    ngx_http_upstream_server_t* server = add_placeholder(cf, upstream, view(text));
    if (!server) return error();
    server->addrs = url.addrs;
    server->naddrs = url.naddrs;
    server->down = 0;
    return NGX_CONF_OK;
}

char* read_option(const ngx_str_t& option, DynamicHost& host)
{
    std::string_view s = view(option);
    if (s.starts_with("valid=")) {
        ngx_str_t value = borrow(s.substr(6));
        ngx_int_t ms = ngx_parse_time(&value, 0);
        if (ms == NGX_ERROR || ms == 0) return const_cast<char*>("has an invalid \"valid\"");
        host.valid = static_cast<ngx_msec_t>(ms);
        return NGX_CONF_OK;
    }
    if (s == "ipv6=on" || s == "ipv6=off") {
        host.ipv6 = s == "ipv6=on";
        return NGX_CONF_OK;
    }
    return const_cast<char*>("knows only the parameters \"valid=TIME\" and \"ipv6=on|off\"");
}

// The text of the block from its first line on; empty when it cannot be read.
std::string block_text(const ngx_http_upstream_srv_conf_t& upstream)
{
    std::string out;
    FILE* file = upstream.file_name ? std::fopen(reinterpret_cast<const char*>(upstream.file_name), "re") : nullptr;
    if (!file) return out;
    ngx_uint_t line = 1;
    for (int c; (c = std::fgetc(file)) != EOF && out.size() < kMaxBlock;) {
        if (line >= upstream.line) out += static_cast<char>(c);
        if (c == '\n') line++;
    }
    std::fclose(file);
    size_t name = out.find(view(upstream.host));
    size_t open = out.find('{', name == out.npos ? 0 : name);
    return open == out.npos ? std::string() : out.substr(open + 1);
}

// Whether a directive of this name stands in the block's own text. nginx does
// not tell which balancer a block has.
bool has_directive(const ngx_http_upstream_srv_conf_t& upstream, std::string_view name)
{
    std::string text = block_text(upstream);
    bool begins = true;  // a directive may begin here
    for (size_t i = 0; i < text.size() && text[i] != '}'; i++) {
        char c = text[i];
        if (c == '#') {
            i = std::min(text.find('\n', i), text.size());
        } else if (c == '"' || c == '\'') {
            i = std::min(text.find(c, i + 1), text.size());
            begins = false;
        } else if (c == ';') {
            begins = true;
        } else if (!text::is_space(c)) {
            size_t end = std::min(text.find_first_of(" \t\r\n;{}", i), text.size());
            if (begins && std::string_view(text).substr(i, end - i) == name) return true;
            i = end - 1;
            begins = false;
        }
    }
    return false;
}

// "nameserver ADDRESS" lines; like the C library the local host without any.
std::vector<std::string> system_resolvers()
{
    std::vector<std::string> out;
    if (FILE* file = std::fopen(kResolvConf, "re")) {
        char line[512];
        while (std::fgets(line, sizeof(line), file)) {
            std::string_view s = text::trim(line);
            constexpr std::string_view kWord = "nameserver";
            if (!s.starts_with(kWord) || s.size() == kWord.size() || !text::is_space(s[kWord.size()])) continue;
            s = text::trim(s.substr(kWord.size()));
            s = s.substr(0, s.find_first_of(" \t#;"));
            if (s.find('%') != s.npos) continue;  // nginx knows no scoped addresses
            out.emplace_back(s.find(':') == s.npos ? std::string(s) : '[' + std::string(s) + ']');
        }
        std::fclose(file);
    }
    if (out.empty()) out.emplace_back("127.0.0.1");
    return out;
}

// The servers of http{}'s `resolver`, else the system's.
std::vector<std::string> resolver_servers(ngx_conf_t* cf)
{
    auto* clcf = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    std::vector<std::string> out;
    if (clcf->resolver && clcf->resolver->connections.nelts > 0) {
        auto* servers = static_cast<ngx_resolver_connection_t*>(clcf->resolver->connections.elts);
        for (ngx_uint_t i = 0; i < clcf->resolver->connections.nelts; i++) {
            u_char text[NGX_SOCKADDR_STRLEN];
            size_t n = ngx_sock_ntop(servers[i].sockaddr, servers[i].socklen, text, sizeof(text), 1);
            out.emplace_back(reinterpret_cast<char*>(text), n);
        }
        return out;
    }
    return system_resolvers();
}

// The module's own: each llm_server says itself how long an answer counts, and
// a second resolver can ask for IPv4 alone where nobody answers for IPv6.
ngx_resolver_t* create_resolver(ngx_conf_t* cf, const std::vector<std::string>& servers, bool ipv6)
{
    std::vector<ngx_str_t> args;
    args.reserve(servers.size() + 2);
    for (const std::string& s : servers) args.push_back(copy_to(cf->pool, s));
    args.push_back(copy_to(cf->pool, "valid=1s"));
    args.push_back(copy_to(cf->pool, ipv6 ? "ipv6=on" : "ipv6=off"));
    for (const ngx_str_t& arg : args) {
        if (!arg.data) return nullptr;
    }
    return ngx_resolver_create(cf, args.data(), args.size());
}

}  // namespace

// llm_server HOST[:PORT] [valid=TIME] [ipv6=on|off]
char* set_server(ngx_conf_t* cf, ngx_command_t*, void*)
{
    auto* upstream =
        static_cast<ngx_http_upstream_srv_conf_t*>(ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module));
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    std::string_view name = view(args[1]);
    if (name.starts_with("unix:") || is_address(name.substr(0, name.starts_with('[') ? name.npos : name.rfind(':')))) {
        if (cf->args->nelts > 2) return const_cast<char*>("takes no parameters for an address");
        return add_address(cf, *upstream, args[1]);
    }

    in_port_t port = kDefaultPort;
    size_t colon = name.rfind(':');
    bool url = name.find('/') != name.npos;
    if (colon != name.npos && !url) {
        std::optional<uint64_t> n = text::to_uint(name.substr(colon + 1));
        if (!n || *n == 0 || *n > 65535) return const_cast<char*>("has an invalid port");
        port = static_cast<in_port_t>(*n);
        name = name.substr(0, colon);
    }
    if (!is_host_name(name)) return const_cast<char*>("needs a host name or an address");
    // A provider that came before has taken the block's name for a host's.
    MainConf& conf = *main_conf(cf);
    std::erase_if(conf.dynamic, [&](DynamicUpstream* d) { return d->implicit && d->upstream == upstream; });
    DynamicHost* host = add_host(cf, conf, *upstream, name, port);
    if (!host) return error();
    for (ngx_uint_t i = 2; i < cf->args->nelts; i++) {
        if (char* rv = read_option(args[i], *host); rv != NGX_CONF_OK) return rv;
    }
    return NGX_CONF_OK;
}

ngx_int_t resolve_if_host(ngx_conf_t* cf, MainConf& conf, ngx_http_upstream_srv_conf_t& upstream, const ngx_url_t& url)
{
    bool known = (upstream.flags & NGX_HTTP_UPSTREAM_CREATE) || upstream.servers || url.family == AF_UNIX;
    std::string_view name = view(url.host);
    // The system knows this one without DNS.
    if (known || name == "localhost" || !is_host_name(name)) return NGX_OK;
    DynamicHost* host = add_host(cf, conf, upstream, name, url.port);
    if (!host) return NGX_ERROR;
    host->upstream->implicit = true;
    return NGX_OK;
}

ngx_int_t finish_dynamic(ngx_conf_t* cf, MainConf& conf)
{
    // A block that came later has servers of its own.
    std::erase_if(conf.dynamic,
                  [](DynamicUpstream* d) { return d->implicit && (d->upstream->flags & NGX_HTTP_UPSTREAM_CREATE); });
    if (conf.dynamic.empty()) return NGX_OK;
    for (DynamicUpstream* d : conf.dynamic) {
        // It would go on with the servers that it has seen first. It knows no
        // backups, so blocks that may have them need no look.
        bool never = d->implicit || (d->upstream->flags & NGX_HTTP_UPSTREAM_BACKUP);
        if (never || !has_directive(*d->upstream, "random")) continue;
        conf_error(cf, {{ngx_strlen(d->upstream->file_name), d->upstream->file_name}, d->upstream->line},
                   "\"random\" cannot balance \"llm_server\" in upstream \"%V\": use \"least_conn\" or none",
                   &d->upstream->host);
        return NGX_ERROR;
    }

    std::vector<std::string> servers = resolver_servers(cf);
    ngx_resolver_t* both = create_resolver(cf, servers, true);
    ngx_resolver_t* ipv4 = create_resolver(cf, servers, false);
    if (!both || !ipv4) return NGX_ERROR;
    for (DynamicUpstream* d : conf.dynamic) {
        d->resolver = both;
        d->resolver_ipv4 = ipv4;
        ngx_queue_init(&d->waiters);
        // Last in the chain of balancers, so first to be asked.
        d->init_peer = d->upstream->peer.init;
        d->upstream->peer.init = init_dynamic_peer;
    }
    return NGX_OK;
}

}  // namespace llm::ngx
