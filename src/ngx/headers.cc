#include "ngx/headers.hpp"

#include "base/text.hpp"

namespace llm::ngx {

namespace {

// Tracing context goes along; everything else of the client's must be listed.
constexpr std::string_view kAlwaysPassed[] = {"traceparent", "tracestate"};

bool passes(const ProviderConf& p, const ngx_str_t& name) noexcept
{
    for (std::string_view known : kAlwaysPassed) {
        if (text::iequals(view(name), known)) return true;
    }
    for (const ngx_str_t& listed : p.pass_headers) {
        if (text::iequals(view(name), view(listed))) return true;
    }
    return false;
}

bool is_set_by_operator(const ProviderConf& p, const ngx_str_t& name) noexcept
{
    for (const HeaderConf* h : p.headers) {
        if (text::iequals(view(h->name), view(name))) return true;
    }
    return false;
}

// A value made of variables may hold what would start another header.
bool is_header_value(std::string_view s) noexcept
{
    for (char c : s) {
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

}  // namespace

std::vector<providers::Header> headers_for(ngx_http_request_t* r, const ProviderConf& p)
{
    std::vector<providers::Header> out;
    for (const HeaderConf* h : p.headers) {
        ngx_str_t value;
        if (ngx_http_complex_value(r, const_cast<ngx_http_complex_value_t*>(&h->value), &value) != NGX_OK)
            throw std::bad_alloc();
        // As in nginx's own proxy, an empty value means no header.
        if (value.len > 0 && is_header_value(view(value))) out.push_back({view(h->name), view(value)});
    }
    for (const ngx_list_part_t* part = &r->headers_in.headers.part; part; part = part->next) {
        auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (passes(p, headers[i].key) && !is_set_by_operator(p, headers[i].key)) {
                out.push_back({view(headers[i].key), view(headers[i].value)});
            }
        }
    }
    return out;
}

std::string safety_for(ngx_http_request_t* r, const ProviderConf& p)
{
    std::string out;
    for (ngx_http_complex_value_t* one : p.safety) {
        ngx_str_t value;
        if (ngx_http_complex_value(r, one, &value) != NGX_OK) throw std::bad_alloc();
        if (value.len == 0) continue;
        if (!out.empty()) out += ' ';
        out += view(value);
    }
    return out;
}

}  // namespace llm::ngx
