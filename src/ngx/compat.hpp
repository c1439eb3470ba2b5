#pragma once

#include "ngx/ngx.hpp"

// The one place for differences between nginx versions.
namespace llm::ngx {

// Since 1.27.2 the parser can keep trailers; nobody here wants them.
inline ngx_int_t parse_chunked(ngx_http_request_t* r, ngx_buf_t* buf, ngx_http_chunked_t* state) noexcept
{
#if (nginx_version >= 1027002)
    return ngx_http_parse_chunked(r, buf, state, 0);
#else
    return ngx_http_parse_chunked(r, buf, state);
#endif
}

}  // namespace llm::ngx
