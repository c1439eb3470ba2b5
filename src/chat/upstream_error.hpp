#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "chat/error.hpp"
#include "json/document.hpp"

namespace llm::chat {

// What an error body of any provider says, whichever of their shapes it has, cut
// to what can be meant to be read: 2 kB of message, 128 bytes of the others.
struct ErrorBody {
    std::string message;  // empty: it gives none
    std::string type;     // error.type, error.status
    std::string code;
    std::string param;
    int64_t retry_after_ms = -1;  // the wait it asks for, in its text or details
};

// Reads an error body; something readable comes out of HTML, of nothing and of
// bytes that are no JSON, too.
ErrorBody read_error_body(std::string_view body);
ErrorBody read_error_body(const json::Value& root);

// What a code of one vendor's own means.
struct CodeRow {
    std::string_view code;
    ErrorClass kind;
};

// By such a table: of the whole code; none: it has no row.
std::optional<ErrorClass> class_of_code(const ErrorBody& body, std::span<const CodeRow> codes) noexcept;

// Class of an upstream failure by HTTP status and by the texts that providers
// use for "too long", "not allowed" and "no credit". `status` 0 means that the
// failure came inside a 200 stream.
ErrorClass classify(int status, const ErrorBody& body);

// By parts of type and code that mean the same everywhere; none: they say nothing.
std::optional<ErrorClass> class_of_words(std::string_view type, std::string_view code);

// The error a client is told. A provider's code is passed on only where it is a
// short token; the wait only where waiting helps. A failure about the gateway's own credential is
// worded without the provider's text, which may quote a part of the key.
ApiError upstream_error(ErrorClass kind, const ErrorBody& body);

}  // namespace llm::chat
