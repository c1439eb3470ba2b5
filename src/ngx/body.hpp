#pragma once

#include <memory>
#include <string_view>

#include "ngx/ngx.hpp"

namespace llm::ngx {

// The body of a client's request that nginx has read, as one text.
class ClientBody {
public:
    // False: a file could not be read. Throws std::bad_alloc.
    bool join(ngx_http_request_t* r);

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

    std::unique_ptr<char[]> copy_;
    std::string_view text_;
};

}  // namespace llm::ngx
