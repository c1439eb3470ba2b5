#pragma once

// The only door to nginx's headers.
extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>
#include <ngx_http.h>

extern ngx_module_t ngx_http_llm_gateway_module;
}

#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace llm::ngx {

inline std::string_view view(const ngx_str_t& s) noexcept
{
    return {reinterpret_cast<const char*>(s.data), s.len};
}

// An ngx_str_t over the same bytes: the view's owner must outlive it.
inline ngx_str_t borrow(std::string_view s) noexcept
{
    return {s.size(), reinterpret_cast<u_char*>(const_cast<char*>(s.data()))};
}

// A copy in the pool, with a terminating NUL behind it; data is null when
// there is no memory.
inline ngx_str_t copy_to(ngx_pool_t* pool, std::string_view s) noexcept
{
    ngx_str_t out = {0, static_cast<u_char*>(ngx_pnalloc(pool, s.size() + 1))};
    if (!out.data) return out;
    out.len = s.size();
    *ngx_cpymem(out.data, s.data(), s.size()) = '\0';
    return out;
}

// A C++ object that lives as long as the pool; null when there is no memory.
template <class T, class... Args>
T* make_in_pool(ngx_pool_t* pool, Args&&... args)
{
    static_assert(alignof(T) <= NGX_ALIGNMENT);
    ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(pool, sizeof(T));
    if (!cleanup) return nullptr;
    T* object = new (cleanup->data) T{std::forward<Args>(args)...};
    cleanup->handler = [](void* p) noexcept { static_cast<T*>(p)->~T(); };
    return object;
}

// Runs `work`, which may throw, for a callback of nginx, which may not: an
// exception becomes one log line and NGX_ERROR.
template <class Work>
ngx_int_t guarded(ngx_log_t* log, Work work) noexcept
{
    try {
        return work();
    } catch (const std::bad_alloc&) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "llm: out of memory");
    } catch (...) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "llm: unexpected exception");
    }
    return NGX_ERROR;
}

}  // namespace llm::ngx
