#include "ngx/respond.hpp"

#include "base/text.hpp"
#include "client/completions/completions.hpp"

namespace llm::ngx {

namespace {

constexpr size_t kMaxRequestId = 128;

bool is_safe(std::string_view id) noexcept
{
    return text::is_token(id, kMaxRequestId) && id.find_first_of("\"\\<>&%") == id.npos;
}

}  // namespace

std::string_view find_header(const ngx_http_request_t* r, std::string_view name) noexcept
{
    const ngx_list_part_t* part = &r->headers_in.headers.part;
    for (; part; part = part->next) {
        auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (text::iequals(view(headers[i].key), name)) return view(headers[i].value);
        }
    }
    return {};
}

std::string_view nginx_request_id(ngx_http_request_t* r)
{
    // Asked for by its index it is made once; by its name, each time anew.
    ngx_http_variable_value_t* v = ngx_http_get_indexed_variable(r, static_cast<ngx_uint_t>(main_conf(r)->request_id));
    if (!v || v->not_found) return {};
    return {reinterpret_cast<const char*>(v->data), v->len};
}

bool add_header(ngx_http_request_t* r, std::string_view name, std::string_view value)
{
    auto* h = static_cast<ngx_table_elt_t*>(ngx_list_push(&r->headers_out.headers));
    if (!h) return false;
    ngx_memzero(h, sizeof(*h));
    h->key = copy_to(r->pool, name);
    h->value = copy_to(r->pool, value);
    h->hash = h->key.data && h->value.data;
    return h->hash;
}

bool is_set(const ngx_http_request_t* r, std::string_view name) noexcept
{
    return find_header(r, name) == "1";
}

std::string_view request_id(ngx_http_request_t* r)
{
    std::string_view id = find_header(r, "x-request-id");
    return is_safe(id) ? id : nginx_request_id(r);
}

bool add_request_id(ngx_http_request_t* r)
{
    std::string_view id = request_id(r);
    return id.empty() || add_header(r, "x-request-id", id);
}

ngx_chain_t* make_chain(ngx_http_request_t* r, std::string_view text, bool last)
{
    ngx_buf_t* b =
        text.empty() ? static_cast<ngx_buf_t*>(ngx_calloc_buf(r->pool)) : ngx_create_temp_buf(r->pool, text.size());
    ngx_chain_t* link = ngx_alloc_chain_link(r->pool);
    if (!b || !link) return nullptr;
    if (!text.empty()) b->last = ngx_cpymem(b->last, text.data(), text.size());
    b->last_buf = last;
    b->last_in_chain = 1;
    b->flush = 1;
    link->buf = b;
    link->next = nullptr;
    return link;
}

namespace {

// `type` is static text.
ngx_int_t send(ngx_http_request_t* r, ngx_uint_t status, std::string_view type, std::string_view body)
{
    Context* ctx = get_context(r);
    ngx_chain_t* out = make_chain(r, body, true);
    if (!ctx || !out || !add_request_id(r)) return NGX_HTTP_INTERNAL_SERVER_ERROR;

    // What is left of a body nobody will read; a client that asks first need not
    // send it.
    r->expect_tested = 1;
    if (ngx_int_t rc = ngx_http_discard_request_body(r); rc != NGX_OK) return rc;
    ctx->answered = true;
    r->headers_out.status = status;
    r->headers_out.content_length_n = static_cast<off_t>(body.size());
    r->headers_out.content_type = borrow(type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    ngx_int_t rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) return rc;
    return ngx_http_output_filter(r, out);
}

}  // namespace

ngx_int_t send_json(ngx_http_request_t* r, ngx_uint_t status, std::string_view body)
{
    return send(r, status, "application/json", body);
}

ngx_int_t send_text(ngx_http_request_t* r, ngx_uint_t status, std::string_view body)
{
    return send(r, status, "text/plain", body);
}

ngx_int_t send_error(ngx_http_request_t* r, const chat::ApiError& error, std::string_view trace)
{
    if (Context* ctx = get_context(r)) ctx->record.error = error.name_text();
    if (error.retry_after_ms >= 0) {
        // Whole seconds, never less than what was asked for.
        int64_t seconds = (error.retry_after_ms + 999) / 1000;
        if (!add_header(r, "retry-after", std::to_string(seconds))) return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    // SDKs repeat what failed with a 5xx unless they are told not to.
    if (chat::traits(error.kind).in_vain && !add_header(r, "x-should-retry", "false")) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    std::string body = completions::error_body(error);
    if (!trace.empty()) {
        body.pop_back();
        body.append(",\"llm_trace\":").append(trace).append("}");
    }
    return send_json(r, error.status(), body);
}

}  // namespace llm::ngx
