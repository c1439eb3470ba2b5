#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "chat/needs.hpp"
#include "dialects/dialect.hpp"
#include "wire/event_reader.hpp"

namespace llm::providers {

enum class Auth : uint8_t { bearer, x_api_key, api_key, x_goog_api_key };

struct Header {
    std::string_view name;
    std::string_view value;
};

// Where a body format is spoken: paths below the base, in which `{model}`,
// `{project}`, `{location}` and `{api_version}` stand for what a request or the
// configuration says. Of two with a `|` between them the second is for those who
// have said an api_version.
struct Endpoint {
    const dialects::Dialect* dialect = nullptr;  // null: there is none
    std::string_view path = {};
    std::string_view stream_path = {};  // empty: the same
    wire::Framing framing = wire::Framing::sse;
    const dialects::Quirks* quirks = &dialects::kNoQuirks;

    std::string_view path_for(bool stream) const noexcept
    {
        return stream && !stream_path.empty() ? stream_path : path;
    }
};

// What has one path and no streams: embeddings, reranking.
template <class Codec>
struct Service {
    const Codec* codec = nullptr;  // null: there is none
    std::string_view path = {};
};

// A vendor: one row of data (registry.cc).
struct Provider {
    std::string_view name;  // `type` in llm_provider
    Auth auth = Auth::bearer;
    std::string_view base = {};  // path before the endpoints' own, unless `pass` has one
    Endpoint chat = {};          // speaks to every client format
    Service<dialects::Embeddings> embeddings = {};
    Service<dialects::Rerank> rerank = {};
    std::span<const Header> headers = {};  // sent unless the operator sets them
};

// The row called `name`, or nullptr.
const Provider* find(std::string_view name) noexcept;

// All rows, for messages and documentation.
std::span<const Provider> all() noexcept;

// What none of its models can do for a chat.
chat::Needs lacks(const Endpoint& endpoint) noexcept;

// What an error body means: by the vendor's own codes, else as its format has it.
chat::ApiError decode_error(const Endpoint& endpoint, int http_status, std::string_view body);

// What the names in an endpoint's path stand for.
struct PathValues {
    std::string_view model;
    std::string_view project = {};
    std::string_view location = {};
    std::string_view api_version = {};
};

// `path` with its names filled in, percent-encoded as one segment each
// (RFC 3986: all but letters, digits and "-._~").
std::string fill_path(std::string_view path, const PathValues& values);

// What one request to a provider carries besides its body.
struct RequestHead {
    std::string_view host;  // Host header
    std::string_view base;  // replaces the row's base when not null
    bool has_base = false;
    std::optional<Auth> auth = {};    // replaces the row's
    std::string_view path = {};       // below the base, filled in
    std::string_view key = {};        // may be empty: no credential is sent
    std::span<const Header> headers;  // the operator's, and the client's that may pass
    uint64_t content_length = 0;
};

// Appends an HTTP/1.1 request line and headers, with the blank line.
void write_head(const Provider& provider, const RequestHead& head, std::string& out);

// Replaces in `text` what a head that was written says in secret: the values of
// headers whose names say that they are a credential, 16 characters or more.
void hide_secrets(std::string_view head, std::string& text);

}  // namespace llm::providers
