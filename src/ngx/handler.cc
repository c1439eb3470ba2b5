// Endpoints: who may call what, and how.
#include "ngx/handler.hpp"

#include "base/text.hpp"
#include "ngx/context.hpp"
#include "ngx/orchestrator.hpp"
#include "ngx/respond.hpp"

namespace llm::ngx {

namespace {

using chat::ErrorClass;

ngx_int_t on_chat(ngx_http_request_t* r, std::string_view rest);

struct Endpoint {
    std::string_view path;
    bool prefix;  // something may follow the path
    ngx_uint_t methods;
    std::string_view allow;  // the same, as a header
    bool takes_json;
    ngx_int_t (*run)(ngx_http_request_t* r, std::string_view rest);
};

constexpr Endpoint kEndpoints[] = {
    {"chat/completions", false, NGX_HTTP_POST, "POST", true, on_chat},
    {"models", false, NGX_HTTP_GET | NGX_HTTP_HEAD, "GET, HEAD", false, send_models},
    {"models/", true, NGX_HTTP_GET | NGX_HTTP_HEAD, "GET, HEAD", false, send_models},
};

// What the URI says behind the location's prefix and an optional "v1/". A
// location without a prefix leaves the whole URI, in which "/v1/" is looked for.
std::string_view endpoint_path(const ngx_http_request_t* r, const LocConf& conf) noexcept
{
    constexpr std::string_view kVersion = "v1/";
    std::string_view uri = view(r->uri);
    std::string_view prefix = view(conf.prefix);
    if (!prefix.empty() && uri.starts_with(prefix)) {
        uri.remove_prefix(prefix.size());
    } else if (size_t at = uri.find("/v1/"); at != uri.npos) {
        uri.remove_prefix(at + 1);
    }
    while (uri.starts_with('/')) uri.remove_prefix(1);
    if (uri.starts_with(kVersion)) uri.remove_prefix(kVersion.size());
    return uri;
}

const Endpoint* find_endpoint(std::string_view path, std::string_view& rest) noexcept
{
    for (const Endpoint& e : kEndpoints) {
        if (e.prefix ? path.starts_with(e.path) && path.size() > e.path.size() : path == e.path) {
            rest = path.substr(e.path.size());
            return &e;
        }
    }
    return nullptr;
}

bool is_json(const ngx_http_request_t* r) noexcept
{
    // Without the header a client says nothing wrong.
    if (!r->headers_in.content_type) return true;
    std::string_view type = view(r->headers_in.content_type->value);
    type = text::trim(type.substr(0, type.find(';')));
    return text::iequals(type, "application/json") ||
           (text::icontains(type, "application/") && text::icontains(type, "+json"));
}

void on_body(ngx_http_request_t* r) noexcept
{
    ngx_int_t rc = guarded(r->connection->log, [&] {
        Context* ctx = get_context(r);
        if (!ctx) return ngx_int_t{NGX_ERROR};
        ctx->body_room.leave(r);
        ctx->orchestrator = std::make_unique<Orchestrator>(r, *ctx);
        ctx->orchestrator->begin();
        return ngx_int_t{NGX_OK};
    });
    if (rc != NGX_OK) ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
}

ngx_int_t on_chat(ngx_http_request_t* r, std::string_view)
{
    // Saves joining it.
    r->request_body_in_single_buf = 1;
    Context* ctx = get_context(r);
    if (!ctx) return NGX_HTTP_INTERNAL_SERVER_ERROR;
    ctx->body_room.make(r);
    ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) ctx->body_room.leave(r);
    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

ngx_int_t handle(ngx_http_request_t* r)
{
    Context* ctx = get_context(r);
    if (!ctx) return NGX_HTTP_INTERNAL_SERVER_ERROR;
    const LocConf& conf = *loc_conf(r);
    r->disable_not_modified = 1;  // no answer is a resource with a date or a tag

    const Caller& caller = authenticate(r, *ctx);
    // An open gateway still knows its callers by name when they say one.
    if (conf.auth && !caller.is_known()) return send_error(r, auth_error(caller));

    std::string_view rest;
    const Endpoint* endpoint = find_endpoint(endpoint_path(r, conf), rest);
    if (!endpoint) return send_error(r, make_error(ErrorClass::not_found, "There is no such endpoint."));
    if (!(r->method & endpoint->methods)) {
        if (!add_header(r, "allow", endpoint->allow)) return NGX_HTTP_INTERNAL_SERVER_ERROR;
        return send_error(r, make_error(ErrorClass::method_not_allowed, "This endpoint does not take the method " +
                                                                            std::string(view(r->method_name)) + "."));
    }
    if (endpoint->takes_json && !is_json(r)) {
        return send_error(r, make_error(ErrorClass::media_type, "The request body must be application/json."));
    }
    if (r->headers_in.content_length_n > static_cast<off_t>(conf.max_body)) {
        return send_error(r, make_error(ErrorClass::too_large, "The request body is too large."));
    }
    return endpoint->run(r, rest);
}

}  // namespace

ngx_int_t gateway_handler(ngx_http_request_t* r)
{
    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "llm: the gateway cannot be called by a subrequest");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ngx_int_t rc = guarded(r->connection->log, [&] { return handle(r); });
    // Once a head has been tried there cannot be another one.
    return rc == NGX_ERROR && !r->headers_out.status ? NGX_HTTP_INTERNAL_SERVER_ERROR : rc;
}

}  // namespace llm::ngx
