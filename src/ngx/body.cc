#include "ngx/body.hpp"

#include <sys/mman.h>

#include <utility>

namespace llm::ngx {

namespace {

std::string_view text_of(const u_char* pos, size_t size) noexcept
{
    return {reinterpret_cast<const char*>(pos), size};
}

// Bodies of at least this size get a room of their own.
constexpr size_t kRoomFrom = size_t{32} * 1024;

// A connection that carries other requests at the same time.
bool is_multiplexed(const ngx_http_request_t* r) noexcept
{
    return r->http_version >= NGX_HTTP_VERSION_20;
}

// Bodies of at least this size give their pages back when they are freed.
constexpr size_t kLarge = size_t{128} * 1024;

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

void BodyRoom::make(ngx_http_request_t* r) noexcept
{
    const ngx_buf_t& head = *r->header_in;
    auto* clcf = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    off_t length = r->headers_in.content_length_n;
    auto come = static_cast<off_t>(head.last - head.pos);
    // Beyond client_body_buffer_size it goes to a file.
    bool fits = length >= static_cast<off_t>(kRoomFrom) && length <= static_cast<off_t>(clcf->client_body_buffer_size);
    if (is_multiplexed(r) || !fits || come == 0 || come >= length) return;

    // One byte more than the rest is what nginx asks of a buffer that it goes on in.
    ngx_buf_t* room = ngx_create_temp_buf(r->pool, static_cast<size_t>(length) + 1);
    if (!room) return;
    memory_ = room->start;
    room->last = ngx_cpymem(room->start, head.pos, static_cast<size_t>(come));
    head_ = r->header_in;
    head_->pos = head_->last;
    r->header_in = room;
}

void BodyRoom::leave(ngx_http_request_t* r) noexcept
{
    if (head_) r->header_in = std::exchange(head_, nullptr);
}

bool ClientBody::join(ngx_http_request_t* r, const BodyRoom& room)
{
    room_ = room.memory();
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
    if (!rb->buf) return;
    u_char* memory = room_ ? room_ : rb->buf->start;
    // It may lie in what the head was read into.
    if (!is_apart(r->pool, memory)) return;
    discard(memory, static_cast<size_t>(rb->buf->end - memory));
    ngx_pfree(r->pool, memory);
    rb->buf = nullptr;
}

}  // namespace llm::ngx
