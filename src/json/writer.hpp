#pragma once

#include <cstdint>
#include <exception>
#include <string_view>

#include "base/rope.hpp"
#include "json/value.hpp"

namespace llm::json {

// Writes JSON onto a Rope: compact, members in the order of the calls, numbers
// and untouched values as the text they came as. Commas are its business,
// balance is the scopes'.
class Writer {
public:
    explicit Writer(Rope& out) noexcept : out_(out) {}

    // Closes its object or array when it goes out of scope.
    class [[nodiscard]] Scope {
    public:
        Scope(Writer& w, char close) noexcept : w_(w), close_(close) {}
        // Appending can run out of memory; while that unwinds the stack the
        // text is lost anyway.
        ~Scope() noexcept(false)
        {
            if (std::uncaught_exceptions() == 0) w_.close(close_);
        }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        Writer& w_;
        char close_;
    };

    Scope object()
    {
        open('{');
        return Scope(*this, '}');
    }
    Scope array()
    {
        open('[');
        return Scope(*this, ']');
    }
    Scope object(std::string_view name) { return key(name).object(); }
    Scope array(std::string_view name) { return key(name).array(); }

    // A member name: plain ASCII that needs no escaping.
    Writer& key(std::string_view name);

    // The same without a scope, for containers that outlive a function.
    void open_object() { open('{'); }
    void close_object() { close('}'); }
    void open_array() { open('['); }
    void close_array() { close(']'); }

    // A value as it stands, by reference when it is long (see Rope::ref).
    void value(const Value& v) { raw(v.raw()); }
    void raw(std::string_view json);
    // The same for a text that dies before the rope.
    void copy(std::string_view json);
    void number(uint64_t n);
    void boolean(bool b) { raw(b ? "true" : "false"); }
    void null() { raw("null"); }

    // A string from UTF-8 text; ill-formed bytes become U+FFFD.
    void string(std::string_view text);
    // A string from what already is the inside of a JSON string.
    void escaped(std::string_view body);

    void member(std::string_view name, const Value& v) { key(name).value(v); }
    void member(std::string_view name, uint64_t n) { key(name).number(n); }
    void string_member(std::string_view name, std::string_view text) { key(name).string(text); }
    void raw_member(std::string_view name, std::string_view json) { key(name).raw(json); }

    // A string made of several parts.
    void begin_string();
    void part(std::string_view text);          // UTF-8, gets escaped
    void escaped_part(std::string_view body);  // already escaped
    void end_string();

private:
    void open(char bracket);
    void close(char bracket);
    void separate();

    Rope& out_;
    bool comma_ = false;
};

// A whole JSON string from UTF-8 text.
std::string quoted(std::string_view text);

// Appends UTF-8 text with what JSON asks to be escaped; ill-formed bytes become
// U+FFFD.
void append_escaped(Rope& out, std::string_view text);

// Appends a JSON text without the blanks between its tokens, escaped for the
// inside of a string: how an object becomes `arguments`.
void append_compact_escaped(Rope& out, std::string_view json);

}  // namespace llm::json
