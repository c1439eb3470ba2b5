// An attempt as nginx's upstream sees it: the request it sends, the response
// head and the body's framing. What the bytes mean is attempt.cc's business.
#include <openssl/ssl.h>

#include "base/text.hpp"
#include "ngx/attempt.hpp"
#include "ngx/compat.hpp"
#include "providers/provider.hpp"

namespace llm::ngx {

// Interim responses a provider may send before its answer.
constexpr ngx_uint_t kMaxInterim = 8;

// Bytes of chunked encoding between two pieces of a body.
constexpr size_t kMaxFraming = 16384;

// What a stream is read into once it goes to the client. It is empty again when
// nginx takes it back, so all streams of a worker share it.
u_char stream_buffer[Attempt::kStreamRead];

// nginx's callbacks, each in the guard.
struct UpstreamHooks {
    // An exception ends the attempt.
    template <class Work>
    static ngx_int_t attempt(ngx_http_request_t* sr, Work work) noexcept
    {
        Attempt& self = *Attempt::of(sr);
        bool returned = false;
        ngx_int_t rc = guarded(sr->connection->log, [&] {
            ngx_int_t result = work(self);
            returned = true;
            return result;
        });
        if (!returned) self.give_up();
        return rc;
    }

    template <ngx_int_t (Attempt::*Method)(ngx_http_request_t*)>
    static ngx_int_t hook(ngx_http_request_t* sr) noexcept
    {
        return attempt(sr, [&](Attempt& self) { return (self.*Method)(sr); });
    }

    static ngx_int_t reinit(ngx_http_request_t* sr) noexcept
    {
        return attempt(sr, [&](Attempt& self) {
            self.reset_reply(sr);
            return ngx_int_t{NGX_OK};
        });
    }
    static void abort(ngx_http_request_t*) noexcept {}
    static void finalize(ngx_http_request_t* sr, ngx_int_t rc) noexcept { Attempt::of(sr)->on_upstream_end(rc); }

    static ngx_int_t init_body(void* data) noexcept
    {
        return hook<&Attempt::init_body>(static_cast<ngx_http_request_t*>(data));
    }
    static ngx_int_t read_body(void* data, ssize_t bytes) noexcept
    {
        auto* sr = static_cast<ngx_http_request_t*>(data);
        return attempt(sr, [&](Attempt& self) { return self.read_body(sr, bytes); });
    }

    static void install(ngx_http_upstream_t& u, ngx_http_request_t* sr)
    {
        u.create_request = hook<&Attempt::create_request>;
        u.process_header = hook<&Attempt::process_status>;
        u.reinit_request = reinit;
        u.abort_request = abort;
        u.finalize_request = finalize;
        u.input_filter_init = init_body;
        u.input_filter = read_body;
        u.input_filter_ctx = sr;
    }
};

Attempt* Attempt::of(const ngx_http_request_t* sr) noexcept
{
    if (sr == sr->main) return nullptr;
    return static_cast<Attempt*>(ngx_http_get_module_ctx(sr, ngx_http_llm_gateway_module));
}

ngx_int_t Attempt::content_handler(ngx_http_request_t* sr) noexcept
{
    return guarded(sr->connection->log, [&] { return of(sr)->start_upstream(sr); });
}

ngx_int_t Attempt::start_upstream(ngx_http_request_t* sr)
{
    if (done_) return NGX_OK;  // cancelled before it ran
    if (ngx_http_upstream_create(sr) != NGX_OK) return NGX_HTTP_INTERNAL_SERVER_ERROR;
    ngx_http_upstream_t* u = sr->upstream;
    // nginx changes nothing in there.
    u->conf = const_cast<ngx_http_upstream_conf_t*>(&provider_.connection);
    u->ssl = provider_.tls;
    u->schema = borrow(provider_.tls ? "https://" : "http://");
    u->output.tag = &ngx_http_llm_gateway_module;
    u->buffering = 0;
    UpstreamHooks::install(*u, sr);
    reset_reply(sr);

    started_upstream_ = true;
    sr->main->count++;
    ngx_http_upstream_init(sr);
    return NGX_DONE;
}

// Head and body go out as they lie: the head is ours, most of the body is the
// client's.
ngx_int_t Attempt::create_request(ngx_http_request_t* sr)
{
    const std::vector<std::string_view>& pieces = encoded_.body.pieces();
    size_t n = pieces.size() + 1;
    bufs_ = std::make_unique<ngx_buf_t[]>(n);
    links_ = std::make_unique<ngx_chain_t[]>(n);
    for (size_t i = 0; i < n; i++) {
        std::string_view bytes = i == 0 ? std::string_view(head_) : pieces[i - 1];
        ngx_buf_t& b = bufs_[i];
        // `start` is what nginx rewinds to when it tries the next address.
        b.start = b.pos = reinterpret_cast<u_char*>(const_cast<char*>(bytes.data()));
        b.end = b.last = b.pos + bytes.size();
        b.memory = 1;
        b.last_buf = i + 1 == n;
        links_[i] = {&b, i + 1 == n ? nullptr : &links_[i + 1]};
    }
    sr->upstream->request_bufs = links_.get();
    return NGX_OK;
}

void Attempt::reset_reply(ngx_http_request_t* sr)
{
    sr->upstream->process_header = UpstreamHooks::hook<&Attempt::process_status>;
    sr->state = 0;
    status_ = {};
    chunked_ = {};
    const ngx_time_t* now = ngx_timeofday();
    reply_ = wire::ReplyHead(static_cast<int64_t>(now->sec) * 1000 + static_cast<int64_t>(now->msec));
    mode_ = Mode::head;
    content_length_ = -1;
    is_chunked_ = close_ = framed_twice_ = false;
    framing_ = 0;
    body_.clear();
}

ngx_int_t Attempt::process_status(ngx_http_request_t* sr)
{
    ngx_http_upstream_t* u = sr->upstream;
    ngx_int_t rc = ngx_http_parse_status_line(sr, &u->buffer, &status_);
    if (rc == NGX_AGAIN) return rc;
    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0, "llm: upstream \"%V\" sent no valid HTTP response",
                      &provider_.name);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }
    close_ = status_.http_version < NGX_HTTP_VERSION_11;
    u->process_header = UpstreamHooks::hook<&Attempt::process_header>;
    return process_header(sr);
}

ngx_int_t Attempt::process_header(ngx_http_request_t* sr)
{
    ngx_http_upstream_t* u = sr->upstream;
    for (;;) {
        ngx_int_t rc = ngx_http_parse_header_line(sr, &u->buffer, 1);
        if (rc == NGX_AGAIN) return rc;
        if (rc == NGX_HTTP_PARSE_HEADER_DONE) return header_done(sr);
        bool good = rc == NGX_OK;
        if (good) {
            auto text = [](u_char* from, u_char* to) {
                return std::string_view(reinterpret_cast<char*>(from), static_cast<size_t>(to - from));
            };
            good =
                note_header(text(sr->header_name_start, sr->header_name_end), text(sr->header_start, sr->header_end));
        }
        if (!good) {
            ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0, "llm: upstream \"%V\" sent an invalid header",
                          &provider_.name);
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }
    }
}

// False for framing that two readers could read differently.
bool Attempt::note_header(std::string_view name, std::string_view value)
{
    if (text::iequals(name, "content-length")) {
        std::optional<uint64_t> n = text::to_uint(text::trim(value));
        framed_twice_ = framed_twice_ || content_length_ >= 0;
        if (!n || *n > NGX_MAX_OFF_T_VALUE) return false;
        content_length_ = static_cast<off_t>(*n);
        return true;
    }
    if (text::iequals(name, "transfer-encoding")) {
        framed_twice_ = framed_twice_ || is_chunked_;
        is_chunked_ = text::iequals(text::trim(value), "chunked");
        return is_chunked_;
    }
    if (text::iequals(name, "connection")) {
        close_ = close_ || text::icontains(value, "close");
        return true;
    }
    reply_.header(name, value);
    return true;
}

ngx_int_t Attempt::header_done(ngx_http_request_t* sr)
{
    ngx_http_upstream_t* u = sr->upstream;
    bool interim = status_.code >= 100 && status_.code < 200;
    if (interim) {
        if (status_.code == NGX_HTTP_SWITCHING_PROTOCOLS || ++interim_ > kMaxInterim)
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        reset_reply(sr);
        return process_status(sr);
    }
    bool both = is_chunked_ && content_length_ >= 0;
    if (both || framed_twice_) {
        ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0, "llm: upstream \"%V\" sent contradictory framing",
                      &provider_.name);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }
    u->headers_in.status_n = status_.code;
    if (u->state) u->state->status = status_.code;
    u->keepalive = 0;  // decided at the body's end
    bool no_body = status_.code == NGX_HTTP_NO_CONTENT || status_.code == NGX_HTTP_NOT_MODIFIED;
    if (no_body) {
        content_length_ = 0;
        is_chunked_ = false;
    }
    return NGX_OK;
}

ngx_int_t Attempt::init_body(ngx_http_request_t* sr)
{
    ngx_http_upstream_t* u = sr->upstream;
    last_read_ = ngx_current_msec;
    choose_mode();
    if (error_.set()) return NGX_ERROR;
    if (is_chunked_) {
        u->length = 3;  // the least that is still to come: "0" CRLF and so on
    } else if (content_length_ >= 0) {
        u->length = content_length_;
        if (content_length_ == 0) u->keepalive = !close_;
    } else {
        u->length = -1;  // to the connection's end
    }
    return NGX_OK;
}

// New bytes lie behind u->buffer.last. They are consumed here, but the buffer
// is taken back by nginx only when nothing waits for the client: a slow client
// stops the reading.
ngx_int_t Attempt::read_body(ngx_http_request_t* sr, ssize_t bytes)
{
    ngx_http_upstream_t* u = sr->upstream;
    last_read_ = ngx_current_msec;
    ngx_buf_t buf = {};
    buf.pos = u->buffer.last;
    buf.last = buf.pos + bytes;
    u->buffer.last += bytes;

    auto give = [&](size_t n) {
        ngx_int_t rc = take({reinterpret_cast<char*>(buf.pos), n});
        buf.pos += n;
        return rc;
    };

    if (!is_chunked_) {
        size_t n = static_cast<size_t>(bytes);
        if (u->length >= 0 && static_cast<off_t>(n) > u->length) {
            ngx_log_error(NGX_LOG_WARN, sr->connection->log, 0,
                          "llm: upstream \"%V\" sent more data than its Content-Length", &provider_.name);
            n = static_cast<size_t>(u->length);
            close_ = true;
        }
        if (give(n) != NGX_OK) return NGX_ERROR;
        if (u->length >= 0) {
            u->length -= static_cast<off_t>(n);
            if (u->length == 0) u->keepalive = !close_;
        }
        return finish_read(sr);
    }

    for (;;) {
        const u_char* from = buf.pos;
        ngx_int_t rc = parse_chunked(sr, &buf, &chunked_);
        framing_ += static_cast<size_t>(buf.pos - from);
        if (framing_ > kMaxFraming) {
            set_error(chat::ErrorClass::protocol, "endless chunk extension or trailer");
            return NGX_ERROR;
        }
        if (rc == NGX_OK) {
            framing_ = 0;
            size_t n = static_cast<size_t>(ngx_min(static_cast<off_t>(buf.last - buf.pos), chunked_.size));
            chunked_.size -= static_cast<off_t>(n);
            if (give(n) != NGX_OK) return NGX_ERROR;
            continue;
        }
        if (rc == NGX_DONE) {
            u->length = 0;
            u->keepalive = !close_ && buf.pos == buf.last;
            break;
        }
        if (rc == NGX_AGAIN) {
            u->length = chunked_.length;
            break;
        }
        set_error(chat::ErrorClass::protocol, "invalid chunked encoding");
        return NGX_ERROR;
    }
    return finish_read(sr);
}

// A buffer for the client's bytes: one that was sent, or a new one, small when
// tokens come one by one. None lies in the pool's own blocks, which are whole pages.
ngx_chain_t* Attempt::output_buffer(ngx_http_request_t* sr, size_t wanted)
{
    ngx_http_upstream_t* u = sr->upstream;
    ngx_chain_t* link = ngx_chain_get_free_buf(sr->pool, &u->free_bufs);
    if (!link) return nullptr;
    ngx_buf_t* b = link->buf;
    if (!b->start) {
        size_t size = wanted <= kSmallBuffer ? kSmallBuffer : kOutputBuffer;
        auto* memory = static_cast<u_char*>(ngx_pmemalign(sr->pool, size, NGX_ALIGNMENT));
        if (!memory) return nullptr;
        ngx_memzero(b, sizeof(*b));
        b->start = memory;
        b->end = memory + size;
        b->temporary = 1;
        b->tag = u->output.tag;
    }
    b->pos = b->last = b->start;
    b->flush = 1;
    link->next = nullptr;
    return link;
}

// The buffer of its own, made for heads and whole answers, has been read.
void Attempt::share_buffer(ngx_http_request_t* sr) noexcept
{
    ngx_buf_t& b = sr->upstream->buffer;
    if (b.start == stream_buffer) return;
    ngx_pfree(sr->pool, b.start);
    b.start = b.pos = b.last = stream_buffer;
    b.end = stream_buffer + kStreamRead;
}

// All of one read has been translated: out it goes, in one chain.
ngx_int_t Attempt::finish_read(ngx_http_request_t* sr)
{
    ngx_http_upstream_t* u = sr->upstream;
    if (!orch_.is_committed(*this)) return NGX_OK;
    share_buffer(sr);
    if (output_.empty()) return NGX_OK;
    size_t left = output_.size();
    ngx_chain_t** last = &u->out_bufs;
    while (*last) last = &(*last)->next;
    ngx_buf_t* b = nullptr;
    for (std::string_view piece : output_.pieces()) {
        while (!piece.empty()) {
            if (!b || b->last == b->end) {
                ngx_chain_t* link = output_buffer(sr, left);
                if (!link) return NGX_ERROR;
                *last = link;
                last = &link->next;
                b = link->buf;
            }
            size_t n = ngx_min(piece.size(), static_cast<size_t>(b->end - b->last));
            b->last = ngx_cpymem(b->last, piece.data(), n);
            piece.remove_prefix(n);
            left -= n;
        }
    }
    output_.clear();
    return NGX_OK;
}

// Only here nginx still tells how far the connection came.
void Attempt::on_upstream_end(ngx_int_t rc)
{
    rc_ = rc;
    ngx_http_upstream_t* u = sr_->upstream;
    answered_ = u->state && u->state->bytes_received > 0;
    stale_ = u->peer.cached && !answered_ && rc == NGX_HTTP_BAD_GATEWAY;
    ngx_connection_t* c = u->peer.connection;
    tls_failed_ = c && c->ssl && !u->request_sent && rc == NGX_HTTP_BAD_GATEWAY;
    if (tls_failed_) tls_error_ = SSL_get_verify_result(c->ssl->connection);
    if (rc != NGX_DONE) conclude();  // not when it is cancelled
    // A balancer takes an answer for a good one, whatever it says. Without another
    // address it has no choice, and would close the connection for nothing.
    bool failed = error_.set() && !stale_ && policy::recovery(error_.kind).trips;
    if (failed && u->peer.tries > 1 && u->peer.free && u->peer.sockaddr) {
        u->peer.free(&u->peer, u->peer.data, NGX_PEER_FAILED);
        u->peer.sockaddr = nullptr;
    }
}

}  // namespace llm::ngx
