#include "ngx/body.hpp"

#include <sys/mman.h>

namespace llm::ngx {

namespace {

std::string_view text_of(const u_char* pos, size_t size) noexcept
{
    return {reinterpret_cast<const char*>(pos), size};
}

// Bodies of at least this size give their pages back when they are freed.
constexpr size_t kLarge = 128 * 1024;

// Gives whole pages of memory that is about to be freed back to the system: the
// allocator keeps what lies between blocks that others still use.
void discard(void* memory, size_t size) noexcept
{
    if (size < kLarge) return;
    uintptr_t page = ngx_pagesize;
    uintptr_t from = (reinterpret_cast<uintptr_t>(memory) + page - 1) & ~(page - 1);
    uintptr_t to = (reinterpret_cast<uintptr_t>(memory) + size) & ~(page - 1);
    // Without it the memory is only kept for longer.
    (void)madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

// Whether the pool has allocated this apart from its own blocks.
bool is_apart(const ngx_pool_t* pool, const void* memory) noexcept
{
    for (const ngx_pool_large_t* l = pool->large; l; l = l->next) {
        if (l->alloc == memory) return true;
    }
    return false;
}

}  // namespace

bool ClientBody::join(ngx_http_request_t* r)
{
    const ngx_chain_t* bufs = r->request_body ? r->request_body->bufs : nullptr;
    size_t size = 0;
    // One buffer a read, most of them one behind the other.
    Run runs[2] = {};
    size_t n = 0;
    bool joinable = true;
    for (const ngx_chain_t* cl = bufs; cl; cl = cl->next) {
        const ngx_buf_t& b = *cl->buf;
        size_t part = static_cast<size_t>(ngx_buf_size(cl->buf));
        size += part;
        if (part == 0) continue;
        if (n > 0 && !b.in_file && runs[n - 1].last == b.pos) {
            runs[n - 1].last = b.last;
        } else if (n < 2 && !b.in_file) {
            runs[n++] = {b.pos, b.last};
        } else {
            joinable = false;
        }
    }
    if (!joinable) return copy(bufs, size);
    if (n == 2 && !close_gap(r, runs[0], runs[1])) return copy(bufs, size);
    text_ = text_of(n == 2 ? r->request_body->buf->start : runs[0].pos, size);
    return true;
}

// nginx leaves what came with the head apart, and for request_body_in_single_buf
// as much room behind the rest.
bool ClientBody::close_gap(ngx_http_request_t* r, Run first, Run rest) noexcept
{
    ngx_http_request_body_t* rb = r->request_body;
    ngx_buf_t* whole = rb->buf;
    // Another module, `mirror` for one, may be reading from it.
    if (r->preserve_body || !whole || rest.pos != whole->start) return false;
    if (static_cast<size_t>(whole->end - rest.last) < first.size()) return false;
    ngx_memmove(rest.pos + first.size(), rest.pos, rest.size());
    ngx_memcpy(whole->start, first.pos, first.size());

    // As $request_body finds it.
    ngx_buf_t* b = rb->bufs->next->buf;
    b->start = b->pos = whole->start;
    b->end = b->last = whole->last = rest.last + first.size();
    rb->bufs->buf = b;
    rb->bufs->next = nullptr;
    return true;
}

bool ClientBody::copy(const ngx_chain_t* bufs, size_t size)
{
    copy_ = std::make_unique_for_overwrite<char[]>(size);
    text_ = {copy_.get(), size};
    auto* to = reinterpret_cast<u_char*>(copy_.get());
    for (const ngx_chain_t* cl = bufs; cl; cl = cl->next) {
        ngx_buf_t* b = cl->buf;
        size_t n = static_cast<size_t>(ngx_buf_size(b));
        if (!b->in_file) {
            to = ngx_cpymem(to, b->pos, n);
        } else if (ngx_read_file(b->file, to, n, b->file_pos) == static_cast<ssize_t>(n)) {
            to += n;
        } else {
            return false;
        }
    }
    return true;
}

void ClientBody::release(ngx_http_request_t* r) noexcept
{
    if (copy_) discard(copy_.get(), text_.size());
    copy_.reset();
    text_ = {};
    ngx_http_request_body_t* rb = r->request_body;
    // Another module, `mirror` for one, may have more to do with it.
    if (!rb || r->preserve_body) return;
    rb->bufs = nullptr;
    // It may lie in what the head was read into.
    if (!rb->buf || !is_apart(r->pool, rb->buf->start)) return;
    discard(rb->buf->start, static_cast<size_t>(rb->buf->end - rb->buf->start));
    ngx_pfree(r->pool, rb->buf->start);
    rb->buf = nullptr;
}

}  // namespace llm::ngx
