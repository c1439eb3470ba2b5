#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dialects/dialect.hpp"

namespace llm::providers {

enum class Auth : uint8_t { bearer, x_api_key };

// How a stream's events are framed.
enum class Framing : uint8_t { sse };

struct Header {
    std::string_view name;
    std::string_view value;
};

// Who serves a dialect: one row of data a vendor (registry.cc).
struct Provider {
    std::string_view name;  // `type` in llm_provider
    const dialects::Dialect* dialect;
    Auth auth;
    Framing framing;
    std::string_view base;            // path before the endpoints' own, unless `pass` has one
    std::string_view chat;            // the endpoint for chat, below the base
    std::span<const Header> headers;  // sent unless the operator sets them
};

// The row called `name`, or nullptr.
const Provider* find(std::string_view name) noexcept;

// All rows, for messages and documentation.
std::span<const Provider> all() noexcept;

// What one request to a provider carries besides its body.
struct RequestHead {
    std::string_view host;  // Host header
    std::string_view base;  // replaces the row's base when not null
    bool has_base = false;
    std::string_view key;             // may be empty: no credential is sent
    std::span<const Header> headers;  // the operator's, and the client's that may pass
    uint64_t content_length = 0;
};

// Appends an HTTP/1.1 request line and headers, with the blank line.
void write_head(const Provider& provider, const RequestHead& head, std::string& out);

// Replaces in `text` what a head that was written says in secret: the values of
// headers whose names say that they are a credential, 16 characters or more.
void hide_secrets(std::string_view head, std::string& text);

}  // namespace llm::providers
