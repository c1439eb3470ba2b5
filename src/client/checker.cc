#include "client/checker.hpp"

#include <array>

#include "base/text.hpp"

namespace llm::client {

namespace {

constexpr size_t kMaxModelName = 256;

std::string_view type_name(json::Type t) noexcept
{
    constexpr std::array<std::string_view, 6> kNames = {"null", "boolean", "number", "string", "array", "object"};
    return kNames[static_cast<size_t>(t)];
}

std::string expected(TypeMask types)
{
    std::string out;
    for (unsigned t = 0; t < 6; t++) {
        if (!(types & (1U << t))) continue;
        if (!out.empty()) out += " or ";
        out += type_name(static_cast<json::Type>(t));
    }
    return out;
}

}  // namespace

std::string Place::operator/(std::string_view tail) const
{
    std::string path(list);
    if (!list.empty()) path += '[' + std::to_string(index) + ']';
    if (!inner.empty()) path += '.' + std::string(inner) + '[' + std::to_string(inner_index) + ']';
    if (!path.empty() && !tail.empty()) path += '.';
    return path += tail;
}

bool BodyChecker::bad(std::string_view param, std::string_view message, std::string_view code)
{
    error = make_error(chat::ErrorClass::bad_request, message, param);
    error.code = code;
    return false;
}

bool BodyChecker::missing(const std::string& param)
{
    return bad(param, "Missing required parameter: '" + param + "'.", "missing_required_parameter");
}

bool BodyChecker::check(const json::Value& v, TypeMask types, const Place& place, std::string_view tail)
{
    if (types & bit(v.type())) return true;
    std::string param = place / tail;
    std::string message = "Invalid type for '" + param + "': expected " + expected(types) + ", but got " +
                          std::string(type_name(v.type())) + " instead.";
    return bad(param, message, "invalid_type");
}

bool BodyChecker::need(const json::Value& object, std::string_view name, TypeMask types, const Place& place,
                       std::string_view tail, const json::Value*& out)
{
    out = object.get(name);
    if (!out) return missing(place / tail);
    return check(*out, types, place, tail);
}

bool BodyChecker::take(const json::Value& object, std::string_view name, TypeMask types, const Place& place,
                       std::string_view tail, const json::Value*& out)
{
    out = object.get(name);
    return !out || check(*out, types, place, tail);
}

bool BodyChecker::parse(std::string_view text, const json::Limits& limits)
{
    Status s = body.document.parse(text, json::Mode::strict, limits);
    if (s.ok()) return body.document.root().is_object() || bad("", "The request body must be a JSON object.");
    const std::string& where = body.document.where();
    std::string reason(s.at);
    switch (s.code) {
        case Errc::too_large:
        case Errc::too_many:
            error = make_error(chat::ErrorClass::too_large, "The request body is too large: " + reason + ".", where);
            return false;
        case Errc::duplicate_key:
        case Errc::too_deep:
            return bad(where, "The request body is not acceptable: " + reason + ".");
        default:
            return bad(where, "The request body is not valid JSON: " + reason + ".");
    }
}

bool BodyChecker::read_model(const json::Value& v)
{
    if (!check(v, kString, {}, "model")) return false;
    body.model = &v;
    body.model_name = text_of(v);
    if (text::is_token(body.model_name, kMaxModelName)) return true;
    return bad("model", "Invalid 'model': a model name is 1 to 256 printable ASCII characters without blanks.",
               "invalid_value");
}

std::string_view BodyChecker::text_of(const json::Value& v)
{
    if (!v.escaped()) return v.body();
    std::string decoded = v.text();
    return {copy(std::span<const char>(decoded)).data(), decoded.size()};
}

}  // namespace llm::client
