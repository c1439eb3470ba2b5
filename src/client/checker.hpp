#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "chat/error.hpp"
#include "chat/request.hpp"

// What the readers of a client's request share: types are checked with one
// wording, and the place is spelled out only when something is wrong.
namespace llm::client {

using TypeMask = unsigned;
constexpr TypeMask bit(json::Type t) noexcept
{
    return 1U << static_cast<unsigned>(t);
}
inline constexpr TypeMask kBool = bit(json::Type::boolean);
inline constexpr TypeMask kNumber = bit(json::Type::number);
inline constexpr TypeMask kString = bit(json::Type::string);
inline constexpr TypeMask kArray = bit(json::Type::array);
inline constexpr TypeMask kObject = bit(json::Type::object);

// A place such as `messages[2].content[0]`; `place / "text"` is a member of it.
struct Place {
    std::string_view list = {};  // "messages", "tools"; empty: the top level
    size_t index = 0;
    std::string_view inner = {};  // "content", "tool_calls", "thinking_blocks"
    size_t inner_index = 0;

    std::string operator/(std::string_view tail) const;
};

class BodyChecker {
public:
    BodyChecker(chat::RequestBody& b, chat::ApiError& e) noexcept : body(b), error(e) {}

    // Each returns false after setting `error`.
    bool bad(std::string_view param, std::string_view message, std::string_view code = {});
    bool missing(const std::string& param);
    bool check(const json::Value& v, TypeMask types, const Place& place, std::string_view tail = {});

    // A member that must be there with that type.
    bool need(const json::Value& object, std::string_view name, TypeMask types, const Place& place,
              std::string_view tail, const json::Value*& out);
    // A member that may be absent or null; `out` is null then.
    bool take(const json::Value& object, std::string_view name, TypeMask types, const Place& place,
              std::string_view tail, const json::Value*& out);

    // Parses `text` into the body's document: an object, or `error` is set.
    bool parse(std::string_view text, const json::Limits& limits);

    // Takes `v` for the model's name.
    bool read_model(const json::Value& v);

    // The decoded text of a string; lives as long as the request.
    std::string_view text_of(const json::Value& v);

    // Memory that lives as long as the request.
    template <class T>
    std::span<T> allocate(size_t n)
    {
        if (n == 0) return {};
        T* memory = std::pmr::polymorphic_allocator<>(&body.arena).allocate_object<T>(n);
        std::uninitialized_value_construct_n(memory, n);
        return {memory, n};
    }
    template <class T>
    std::span<T> copy(std::span<const T> from)
    {
        std::span<T> to = allocate<T>(from.size());
        std::copy(from.begin(), from.end(), to.begin());
        return to;
    }

    chat::RequestBody& body;
    chat::ApiError& error;
};

// Of a request for a chat.
class Checker : public BodyChecker {
public:
    Checker(chat::Request& r, chat::ApiError& e) noexcept : BodyChecker(r, e), request(r) {}

    chat::Request& request;
};

}  // namespace llm::client
