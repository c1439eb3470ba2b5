// Filters: attempts' own output is swallowed and what it holds handed to the
// client's request; error pages of nginx get OpenAI's form; a request's body is
// counted while it comes.
#include "client/completions/completions.hpp"
#include "ngx/attempt.hpp"
#include "ngx/context.hpp"
#include "ngx/process.hpp"
#include "ngx/respond.hpp"

namespace llm::ngx {

namespace {

using chat::ErrorClass;

ngx_http_output_header_filter_pt next_header_filter;
ngx_http_output_body_filter_pt next_body_filter;
ngx_http_request_body_filter_pt next_request_body_filter;

ngx_http_core_loc_conf_t* core_conf(const ngx_http_request_t* r) noexcept
{
    return static_cast<ngx_http_core_loc_conf_t*>(ngx_http_get_module_loc_conf(r, ngx_http_core_module));
}

// The location for `uri` among those of exact names and prefixes, by nginx's
// own tree of them; null when there is none.
const ngx_http_core_loc_conf_t* find_location(const ngx_http_location_tree_node_t* node, std::string_view uri) noexcept
{
    const ngx_http_core_loc_conf_t* best = nullptr;
    while (node) {
        std::string_view name(reinterpret_cast<const char*>(node->name), node->len);
        int order = uri.substr(0, name.size()).compare(name.substr(0, uri.size()));
        if (order == 0 && uri.size() < name.size()) order = -1;
        if (order == 0 && node->exact && uri.size() == name.size()) return node->exact;
        if (order == 0 && node->inclusive) {
            best = node->inclusive;
            uri.remove_prefix(name.size());
            node = node->tree;
        } else {
            node = order < 0 ? node->left : node->right;
        }
    }
    return best;
}

// The path as far as nginx has understood it, else as it was sent.
std::string_view path_of(const ngx_http_request_t* r) noexcept
{
    if (r->uri.len > 0) return view(r->uri);
    const u_char* end = r->uri_end ? r->uri_end : r->header_in ? r->header_in->last : nullptr;
    if (!r->uri_start || !end) return {};
    return {reinterpret_cast<const char*>(r->uri_start), static_cast<size_t>(end - r->uri_start)};
}

// Whether the request falls to the gateway. nginx may have given it up before it
// looked for its location: for malformed headers, for one that is too large.
bool is_for_gateway(ngx_http_request_t* r) noexcept
{
    auto* server = static_cast<ngx_http_core_srv_conf_t*>(ngx_http_get_module_srv_conf(r, ngx_http_core_module));
    if (r->loc_conf != server->ctx->loc_conf) return loc_conf(r)->gateway;
    const ngx_http_core_loc_conf_t* found = nullptr;
    const ngx_http_core_loc_conf_t* at = core_conf(r);
    while ((at = find_location(at->static_locations, path_of(r)))) found = at;
    return found && static_cast<LocConf*>(found->loc_conf[ngx_http_llm_gateway_module.ctx_index])->gateway;
}

// nginx's own answer in a location of the gateway, made by it and not by an
// error_page of the operator.
bool is_error_page(ngx_http_request_t* r) noexcept
{
    ngx_uint_t status = r->headers_out.status;
    if (r->err_status != status || status < NGX_HTTP_BAD_REQUEST || r->error_page || !is_for_gateway(r)) return false;
    const Context* ctx = find_context(r);
    return !ctx || !ctx->answered;
}

struct StatusRow {
    ngx_uint_t status;
    ErrorClass kind;
    std::string_view message;
    std::string_view code = {};  // empty: the class's own
};

constexpr StatusRow kStatuses[] = {
    {400, ErrorClass::bad_request, "The request is malformed, or its headers are too large."},
    {401, ErrorClass::invalid_key, "Authentication is required."},
    {403, ErrorClass::forbidden, "Access is denied.", "access_denied"},
    {404, ErrorClass::not_found, "There is no such endpoint."},
    {405, ErrorClass::method_not_allowed, "This endpoint does not take the method."},
    {413, ErrorClass::too_large, "The request body is too large."},
    {414, ErrorClass::bad_request, "The URI is too long."},
    {415, ErrorClass::media_type, "The media type is not supported."},
    {429, ErrorClass::rate_limited, "Too many requests."},
    {501, ErrorClass::bad_request, "The transfer coding of the request is not supported."},
    {503, ErrorClass::rate_limited, "Too many requests, or the service is not available."},
    {505, ErrorClass::bad_request, "The version of HTTP is not supported."},
};

chat::ApiError error_for(ngx_uint_t status)
{
    for (const StatusRow& row : kStatuses) {
        if (row.status != status) continue;
        chat::ApiError error = make_error(row.kind, row.message);
        error.code = row.code;
        return error;
    }
    return status < 500 ? make_error(ErrorClass::bad_request, "The request cannot be served.")
                        : make_error(ErrorClass::internal, "The gateway failed to serve the request.");
}

ngx_int_t replace_error_page(ngx_http_request_t* r)
{
    Context* ctx = get_context(r);
    if (!ctx) return NGX_ERROR;
    chat::ApiError error = error_for(r->headers_out.status);
    ctx->record.error = error.name_text();
    ctx->error_body = completions::error_body(error);
    r->headers_out.content_length_n = static_cast<off_t>(ctx->error_body.size());
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = nullptr;
    ngx_str_null(&r->headers_out.charset);
    return add_request_id(r) ? NGX_OK : NGX_ERROR;
}

ngx_int_t header_filter(ngx_http_request_t* r) noexcept
{
    if (Attempt::of(r)) {
        r->header_sent = 1;
        return NGX_OK;
    }
    if (r == r->main && is_error_page(r)) {
        if (guarded(r->connection->log, [&] { return replace_error_page(r); }) != NGX_OK) return NGX_ERROR;
    }
    return next_header_filter(r);
}

// An attempt's translated bytes, on to the client. Links are copied, buffers
// are not: what the client has not taken keeps the attempt from reading.
ngx_int_t forward(ngx_http_request_t* sr, ngx_chain_t* in)
{
    ngx_chain_t* out = nullptr;
    ngx_chain_t** last = &out;
    for (; in; in = in->next) {
        if (ngx_buf_special(in->buf)) continue;
        ngx_chain_t* link = ngx_alloc_chain_link(sr->pool);
        if (!link) return NGX_ERROR;
        link->buf = in->buf;
        link->next = nullptr;
        *last = link;
        last = &link->next;
    }
    ngx_int_t rc = ngx_http_output_filter(sr->main, out);
    while (out) {
        ngx_chain_t* link = out;
        out = out->next;
        ngx_free_chain(sr->pool, link);
    }
    // Waiting for the client is no failure of the attempt.
    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}

ngx_int_t send_error_page(ngx_http_request_t* r, Context& ctx)
{
    if (std::exchange(ctx.error_body_sent, true)) return NGX_OK;
    ngx_chain_t* out = make_chain(r, ctx.error_body, true);
    return out ? next_body_filter(r, out) : ngx_int_t{NGX_ERROR};
}

ngx_int_t body_filter(ngx_http_request_t* r, ngx_chain_t* in) noexcept
{
    if (const Attempt* attempt = Attempt::of(r)) return attempt->is_committed() ? forward(r, in) : ngx_int_t{NGX_OK};
    Context* ctx = r == r->main ? find_context(r) : nullptr;
    if (!ctx || ctx->error_body.empty() || !in) return next_body_filter(r, in);
    return send_error_page(r, *ctx);
}

// A body in chunks, or of HTTP/2, need not say how long it will be; it is
// refused when it is too long, and not when it is over.
ngx_int_t request_body_filter(ngx_http_request_t* r, ngx_chain_t* in) noexcept
{
    const LocConf& conf = *loc_conf(r);
    if (r != r->main || !conf.gateway) return next_request_body_filter(r, in);
    Context* ctx = get_context(r);
    if (!ctx) return NGX_HTTP_INTERNAL_SERVER_ERROR;
    for (const ngx_chain_t* cl = in; cl; cl = cl->next) {
        ctx->body_received += static_cast<size_t>(ngx_buf_size(cl->buf));
    }
    if (ctx->body_received > conf.max_body) return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    return next_request_body_filter(r, in);
}

}  // namespace

void install_filters()
{
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;
    next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;
    next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = request_body_filter;
}

}  // namespace llm::ngx
