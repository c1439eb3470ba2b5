#include "chat/upstream_error.hpp"

#include <array>

#include "base/text.hpp"

namespace llm::chat {

namespace {

using json::Value;

constexpr size_t kMaxText = 500;

// Lower-case parts of messages and codes; wire format: errors, sections 4 and 5.
constexpr std::array<std::string_view, 21> kContextLength = {
    "maximum context length is",
    "context_length_exceeded",
    "maximum context limit",
    "prompt is too long",
    "exceed context limit",
    "exceeds the available context size",
    "exceed_context_size",
    "exceeds the maximum number of tokens",
    "input is too long",
    "too many input tokens",
    "input tokens exceed the configured limit",
    "string too long. expected a string with maximum length",
    "longer than the model's context length",
    "longer than the model's maximum context length",
    "`inputs` tokens + `max_new_tokens` must be",
    "reduce the length of the messages",
    "prompt: length: 1..",
    "tokens in request more than max tokens allowed",
    "range of input length should be",
    "too large for model with",
    "expected maxlength",
};

constexpr std::array<std::string_view, 13> kContentPolicy = {
    "content_policy_violation",
    "content_filter",
    "content management policy",
    "responsibleaipolicyviolation",
    "violating our usage policy",
    "content filtering policy",
    "as a result of our safety system",
    "data_inspection_failed",
    "invalid_prompt",
    "invalid prompt",
    "the model produced invalid content",
    "the response was blocked",
    "input was flagged",
};

// Of the gateway's own account and key; not everyone says so with a 401 or 402.
constexpr std::array<std::string_view, 10> kCredential = {
    "insufficient_quota",     "credit balance is too low", "billing_error",
    "exceeded_current_quota", "insufficient balance",      "arrears",
    "api key not valid",      "api_key_invalid",           "incorrect api key",
    "invalid api token",
};

// Zhipu's own numbers, for what its texts say in other languages.
struct CodeRow {
    std::string_view code;
    ErrorClass kind;
};
constexpr std::array kCodes = {
    CodeRow{"1113", ErrorClass::upstream_credential},
    CodeRow{"1261", ErrorClass::context_length},
    CodeRow{"1301", ErrorClass::content_policy},
};

template <size_t N>
bool says(const ErrorBody& body, const std::array<std::string_view, N>& parts)
{
    for (std::string_view part : parts) {
        if (text::icontains(body.message, part) || text::icontains(body.code, part) ||
            text::icontains(body.type, part)) {
            return true;
        }
    }
    return false;
}

// A string, or any other value as it is written: codes are numbers in places.
std::string loose(const Value* v)
{
    if (!v || v->is_null()) return {};
    std::string out = v->is_string() ? v->text() : std::string(v->raw().substr(0, kMaxText));
    return out;
}

void read_object(const Value& o, ErrorBody& out)
{
    out.message = loose(o.get("message"));
    out.type = loose(o.get("type"));
    if (out.type.empty()) out.type = loose(o.get("status"));
    out.code = loose(o.get("code"));
    out.param = loose(o.get("param"));
}

// FastAPI's `detail`: a text, an object with `error`, or a list of {loc, msg}.
std::string read_detail(const Value& detail)
{
    if (const Value* error = detail.get("error")) return loose(error);
    if (!detail.is_array()) return loose(&detail);
    std::string out;
    for (const Value& item : detail) {
        if (!out.empty()) out += "; ";
        std::string place;
        if (const Value* where = item.get("loc"); where && where->is_array()) {
            for (const Value& step : *where) place += (place.empty() ? "" : ".") + loose(&step);
        }
        if (!place.empty()) out += place + ": ";
        out += loose(item.get("msg"));
    }
    return out;
}

void read_plain(std::string_view body, ErrorBody& out)
{
    std::string_view s = text::trim(body);
    if (s.empty()) {
        out.message = "The upstream answered with an empty body.";
    } else if (s.front() == '<') {
        out.message = "The upstream answered with an HTML error page.";
    } else {
        text::append_sanitized(out.message, s.substr(0, kMaxText));
    }
}

}  // namespace

ErrorBody read_error_body(const Value& root)
{
    const Value* o = &root;
    if (root.is_array() && root.size() > 0) o = &*root.begin();
    ErrorBody out;
    if (const Value* error = o->get("error")) {
        if (error->is_object()) {
            read_object(*error, out);
            return out;
        }
        out.message = loose(error);
        out.code = loose(o->get("code"));
        return out;
    }
    read_object(*o, out);
    if (out.message.empty()) out.message = loose(o->get("Message"));
    if (const Value* detail = o->get("detail"); detail && out.message.empty()) out.message = read_detail(*detail);
    if (const Value* fault = o->get("fault"); fault && out.message.empty())
        out.message = loose(fault->get("faultstring"));
    if (const Value* base = o->get("base_resp"); base && out.message.empty())
        out.message = loose(base->get("status_msg"));
    constexpr std::array<std::string_view, 3> kTexts = {"error_description", "title", "msg"};
    for (size_t i = 0; out.message.empty() && i < kTexts.size(); i++) out.message = loose(o->get(kTexts[i]));
    return out;
}

ErrorBody read_error_body(std::string_view body)
{
    ErrorBody out;
    json::Document doc;
    if (doc.parse(body, json::Mode::liberal).ok() && (doc.root().is_object() || doc.root().is_array())) {
        return read_error_body(doc.root());
    }
    read_plain(body, out);
    return out;
}

ErrorClass classify(int status, const ErrorBody& body)
{
    if (says(body, kCredential)) return ErrorClass::upstream_credential;
    for (const CodeRow& row : kCodes) {
        if (body.code == row.code) return row.kind;
    }
    bool may_be_request = status == 0 || (status >= 400 && status < 500 && status != 429) || status >= 500;
    // Bedrock says "too many tokens, please wait" of a rate.
    bool too_many = text::icontains(body.message, "too many tokens") && !text::icontains(body.message, "please wait");
    if (may_be_request && (too_many || says(body, kContextLength))) return ErrorClass::context_length;
    if (may_be_request && says(body, kContentPolicy)) return ErrorClass::content_policy;

    switch (status) {
        case 401:
        case 402:
        case 403:
            return ErrorClass::upstream_credential;
        case 404:
            return ErrorClass::upstream_model;
        case 408:
        case 504:
            return ErrorClass::timeout;
        case 413:
            return ErrorClass::too_large;
        case 429:
            return ErrorClass::upstream_rate_limited;
        case 498:  // Groq: no flex capacity
        case 503:
        case 529:
            return ErrorClass::upstream_overloaded;
        default:
            break;
    }
    if (status >= 400 && status < 500) return ErrorClass::upstream_rejected;
    if (status >= 500) return ErrorClass::upstream_server;

    // No status: by what the codes usually say (wire format: errors, section 7).
    constexpr std::array<std::pair<std::string_view, ErrorClass>, 9> kByWord = {{
        {"rate_limit", ErrorClass::upstream_rate_limited},
        {"authentication", ErrorClass::upstream_credential},
        {"permission", ErrorClass::upstream_credential},
        {"not_found", ErrorClass::upstream_model},
        {"overload", ErrorClass::upstream_overloaded},
        {"timeout", ErrorClass::timeout},
        {"invalid", ErrorClass::upstream_rejected},
        {"bad_request", ErrorClass::upstream_rejected},
        {"context_length", ErrorClass::context_length},
    }};
    if (auto number = text::to_uint(body.code); number && *number >= 400 && *number < 600) {
        return classify(static_cast<int>(*number), body);
    }
    for (const auto& [word, kind] : kByWord) {
        if (text::icontains(body.type, word) || text::icontains(body.code, word)) return kind;
    }
    return ErrorClass::upstream_server;
}

ApiError upstream_error(ErrorClass kind, const ErrorBody& body)
{
    if (kind == ErrorClass::upstream_credential) {
        return make_error(kind, "The gateway's credential for the upstream was refused.");
    }
    constexpr std::string_view kNoMessage = "The upstream gave no error message.";
    ApiError e = make_error(kind, body.message.empty() ? kNoMessage : std::string_view(body.message), body.param);
    // A provider's own word for a fault of the request is worth keeping.
    if (kind == ErrorClass::upstream_rejected && !text::to_uint(body.code)) e.code = body.code;
    return e;
}

}  // namespace llm::chat
