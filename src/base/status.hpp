#pragma once

#include <cstdint>
#include <string_view>

namespace llm {

// Why a pure function could not do its work. The code says what kind of
// trouble it is; `Status::at` says where, in words fit for a log line.
enum class Errc : uint8_t {
    ok,
    bad_json,       // not JSON, or JSON of another shape than expected
    bad_utf8,       // a string that is not UTF-8
    duplicate_key,  // one object has the same member twice
    too_deep,       // nesting beyond the cap
    too_large,      // bytes beyond the cap
    too_many,       // values, tools, events, ... beyond the cap
    protocol,       // well-formed, but not what the wire format says
    truncated,      // the peer stopped in the middle
    refused,        // the request cannot be carried out for this target
};

// `at` is static text: it never holds a peer's bytes, so it may be logged.
struct [[nodiscard]] Status {
    Errc code = Errc::ok;
    std::string_view at = {};

    constexpr bool ok() const noexcept { return code == Errc::ok; }
};

inline constexpr Status kOk{};

constexpr Status fail(Errc code, std::string_view at) noexcept
{
    return Status{code, at};
}

}  // namespace llm
