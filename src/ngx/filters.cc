// Output filters: attempts' own output is swallowed and what it holds handed
// to the client's request; error pages of nginx get OpenAI's form.
#include "client/answer.hpp"
#include "ngx/attempt.hpp"
#include "ngx/context.hpp"
#include "ngx/process.hpp"
#include "ngx/respond.hpp"

namespace llm::ngx {

namespace {

using chat::ErrorClass;

ngx_http_output_header_filter_pt next_header_filter;
ngx_http_output_body_filter_pt next_body_filter;

// nginx's own answer in a location of the gateway, made by it and not by an
// error_page of the operator.
bool is_error_page(const ngx_http_request_t* r, const LocConf& conf) noexcept
{
    ngx_uint_t status = r->headers_out.status;
    if (!conf.gateway || r->err_status != status || status < NGX_HTTP_BAD_REQUEST || r->error_page) return false;
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
    {400, ErrorClass::bad_request, "The request is malformed."},
    {401, ErrorClass::invalid_key, "Authentication is required."},
    {403, ErrorClass::forbidden, "Access is denied.", "access_denied"},
    {404, ErrorClass::not_found, "There is no such endpoint."},
    {405, ErrorClass::method_not_allowed, "This endpoint does not take the method."},
    {413, ErrorClass::too_large, "The request body is too large."},
    {415, ErrorClass::media_type, "The media type is not supported."},
    {429, ErrorClass::rate_limited, "Too many requests."},
    {503, ErrorClass::rate_limited, "Too many requests, or the service is not available."},
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
    ctx->error_body = client::error_body(error);
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
    if (r == r->main && is_error_page(r, *loc_conf(r))) {
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

}  // namespace

void install_filters()
{
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;
    next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;
}

}  // namespace llm::ngx
