#pragma once

#include <memory>
#include <string_view>

#include "ngx/ngx.hpp"

namespace llm::ngx {

// Room for a large body behind the part of it that has come with the head: nginx
// reads the rest there, and nothing has to be moved to join them.
class BodyRoom {
public:
    // Before nginx is told to read the body. Where there is nothing to gain, or no
    // memory, nothing changes.
    void make(ngx_http_request_t* r) noexcept;
    // When it has been read or given up.
    void leave(ngx_http_request_t* r) noexcept;

    // The memory, of the request's pool; null without one.
    u_char* memory() const noexcept { return memory_; }

private:
    ngx_buf_t* head_ = nullptr;  // what nginx has read the head into
    u_char* memory_ = nullptr;
};

// The body of a client's request that nginx has read, as one text.
class ClientBody {
public:
    // False: a file could not be read. Throws std::bad_alloc.
    bool join(ngx_http_request_t* r, const BodyRoom& room);

    // Lives until release().
    std::string_view text() const noexcept { return text_; }

    // Frees it, as far as nobody else has a use for it.
    void release(ngx_http_request_t* r) noexcept;

private:
    struct Run {
        u_char* pos;
        u_char* last;

        size_t size() const noexcept { return static_cast<size_t>(last - pos); }
    };

    static bool close_gap(ngx_http_request_t* r, Run first, Run rest) noexcept;
    bool copy(const ngx_chain_t* bufs, size_t size);

    u_char* room_ = nullptr;
    std::unique_ptr<char[]> copy_;
    std::string_view text_;
};

}  // namespace llm::ngx
