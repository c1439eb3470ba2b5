#include "ngx/parameters.hpp"

#include <optional>
#include <string>

#include "base/text.hpp"

namespace llm::ngx {

namespace {

std::string allowed(const Parameter& p)
{
    if (p.kind == Parameter::Kind::time) return "a time of at least " + std::to_string(p.least) + "ms";
    std::string unit = p.kind == Parameter::Kind::percent ? "%" : "";
    return std::to_string(p.least) + unit + " to " + std::to_string(p.most) + unit;
}

}  // namespace

bool read_value(std::string_view text, const Parameter& p, int64_t& value) noexcept
{
    if (p.kind == Parameter::Kind::time) {
        ngx_str_t s = borrow(text);
        ngx_int_t ms = s.len ? ngx_parse_time(&s, 0) : NGX_ERROR;
        if (ms == NGX_ERROR) return false;
        value = ms;
    } else {
        if (p.kind == Parameter::Kind::percent) {
            if (!text.ends_with('%')) return false;
            text.remove_suffix(1);
        }
        std::optional<uint64_t> n = text::to_uint(text);
        if (!n || *n > INT64_MAX) return false;
        value = static_cast<int64_t>(*n);
    }
    return value >= p.least && value <= p.most;
}

char* read_parameters(ngx_conf_t* cf, ngx_uint_t first, std::span<const Parameter> known)
{
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    for (ngx_uint_t i = first; i < cf->args->nelts; i++) {
        std::string_view text = view(args[i]);
        size_t equals = text.find('=');
        const Parameter* found = nullptr;
        for (const Parameter& p : known) {
            if (equals != text.npos && text.substr(0, equals) == p.name) found = &p;
        }
        if (!found) {
            std::string names;
            for (const Parameter& p : known) names += (names.empty() ? "" : ", ") + std::string(p.name) + '=';
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown parameter \"%V\" of \"%V\", there are: %s", &args[i],
                               args, names.c_str());
            return static_cast<char*>(NGX_CONF_ERROR);
        }
        if (!read_value(text.substr(equals + 1), *found, *found->value)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\" of \"%V\", it must be %s", &args[i],
                               args, allowed(*found).c_str());
            return static_cast<char*>(NGX_CONF_ERROR);
        }
    }
    return NGX_CONF_OK;
}

}  // namespace llm::ngx
