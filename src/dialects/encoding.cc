#include "dialects/encoding.hpp"

#include <algorithm>
#include <string>

namespace llm::dialects {

namespace {

using chat::Param;
using json::Value;

// The field asks for nothing beyond the default.
bool is_neutral(Param p, const Value& v) noexcept
{
    switch (p) {
        case Param::n:
            return v.to_uint() == 1U;
        case Param::logprobs:
            return (v.is_bool() && !v.is_true()) || (v.is_number() && v.to_double() == 0);
        case Param::top_logprobs:
        case Param::presence_penalty:
        case Param::frequency_penalty:
            return v.to_double() == 0;
        case Param::store:
            return !v.is_true();
        case Param::modalities:
            return v.size() == 1 && v.begin()->is("text");
        case Param::logit_bias:
        case Param::metadata:
        case Param::functions:
            return v.size() == 0;
        case Param::stream_options:
            return true;  // the gateway's own business
        default:
            return false;
    }
}

bool changes_answer(Param p) noexcept
{
    switch (p) {
        case Param::n:
        case Param::logprobs:
        case Param::top_logprobs:
        case Param::modalities:
        case Param::audio:
        case Param::functions:
        case Param::function_call:
        case Param::web_search_options:
        case Param::moderation:
            return true;
        default:
            return false;
    }
}

}  // namespace

bool BodyEncoding::refuse(std::string_view param, std::string_view why)
{
    std::string message =
        "'" + std::string(param) + "' is not supported by the model '" + std::string(body.model_name) + "'";
    if (!why.empty()) message += ": " + std::string(why);
    error = make_error(chat::ErrorClass::unsupported, message + '.', param);
    return false;
}

bool BodyEncoding::drop(std::string_view field)
{
    if (options.reject_unsupported) return refuse(field);
    out.dropped.add(field);
    return true;
}

bool Encoding::leave_out(Param p)
{
    const Value* v = request.param(p);
    if (!v || is_neutral(p, *v)) return true;
    return changes_answer(p) ? refuse(v->key()) : drop(v->key());
}

std::string json_tool_name(const chat::Request& request)
{
    std::string name = "json_tool_call";
    auto taken = [&](const chat::Tool& t) { return t.name && t.name->is(name); };
    while (std::any_of(request.tools.begin(), request.tools.end(), taken)) name += '_';
    return name;
}

bool Encoding::leave_out(std::span<const Param> params)
{
    for (Param p : params) {
        if (!leave_out(p)) return false;
    }
    return true;
}

bool BodyEncoding::leave_out_unknown()
{
    for (const Value* v : body.unknown) {
        if (!v->is_null() && !drop(v->key())) return false;
    }
    return true;
}

}  // namespace llm::dialects
