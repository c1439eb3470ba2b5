#include "chat/upstream_error.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.hpp"
#include "wire/duration.hpp"

namespace llm::chat {

namespace {

using json::Value;

// What is kept of an error's members: they are searched, told and logged.
constexpr size_t kMaxMessage = 2048;
constexpr size_t kMaxWord = 128;   // type, code, param
constexpr size_t kMaxCode = 64;    // of a code that the client is told
constexpr size_t kMaxPlain = 500;  // of a text that is no JSON

// A text of a message, lower-case; with `also`, both must be there.
struct Phrase {
    std::string_view part;
    std::string_view also = {};
};

// Texts and codes of wire format: errors, sections 4 and 5. Words stand in code
// and type: a message may quote the request, where a tool can have any name.
constexpr std::array<std::string_view, 2> kContextWords = {
    "context_length_exceeded",
    "exceed_context_size",
};
constexpr std::array kContextPhrases = {
    Phrase{"maximum context length is"},
    Phrase{"maximum context limit"},
    Phrase{"prompt is too long"},
    Phrase{"exceed context limit"},
    Phrase{"exceeds the available context size"},
    Phrase{"exceeds the maximum number of tokens"},
    Phrase{"input is too long"},
    Phrase{"too many input tokens"},
    Phrase{"input tokens exceed the configured limit"},
    Phrase{"string too long. expected a string with maximum length"},
    Phrase{"longer than the model's context length"},
    Phrase{"longer than the model's maximum context length"},
    Phrase{"`inputs` tokens + `max_new_tokens` must be"},
    Phrase{"reduce the length of the messages"},
    Phrase{"prompt: length: 1.."},
    Phrase{"tokens in request more than max tokens allowed"},
    Phrase{"range of input length should be"},
    Phrase{"too large for model with"},
    Phrase{"expected maxlength"},
};

constexpr std::array<std::string_view, 5> kPolicyWords = {
    "content_policy_violation", "content_filter", "responsibleaipolicyviolation",
    "data_inspection_failed",   "invalid_prompt",
};
constexpr std::array kPolicyPhrases = {
    Phrase{"content management policy"}, Phrase{"violating our usage policy"},
    Phrase{"content filtering policy"},  Phrase{"as a result of our safety system"},
    Phrase{"invalid prompt", "flagged"}, Phrase{"the model produced invalid content"},
    Phrase{"the response was blocked"},  Phrase{"input was flagged"},
};

// Of the gateway's own account and key; not everyone says so with a 401 or 402.
constexpr std::array<std::string_view, 6> kCredentialWords = {
    "insufficient_quota",   "billing_error", "exceeded_current_quota",
    "insufficient balance", "arrear",        "api_key_invalid",
};
constexpr std::array kCredentialPhrases = {
    Phrase{"credit balance is too low"},
    Phrase{"api key not valid"},
    Phrase{"incorrect api key"},
    Phrase{"invalid api token"},
};

// Zhipu's own numbers, for what its texts say in other languages: the type for
// any server has them, too.
constexpr std::array kCodes = {
    CodeRow{"1113", ErrorClass::upstream_credential},
    CodeRow{"1261", ErrorClass::context_length},
    CodeRow{"1301", ErrorClass::content_policy},
};

// Parts of codes and types (wire format: errors, section 7; anthropic, section
// 12). The first that fits counts.
constexpr std::array kWords = {
    CodeRow{"rate_limit", ErrorClass::upstream_rate_limited},
    CodeRow{"authentication", ErrorClass::upstream_credential},
    CodeRow{"billing", ErrorClass::upstream_credential},
    CodeRow{"permission", ErrorClass::upstream_credential},
    CodeRow{"not_found", ErrorClass::upstream_model},
    CodeRow{"overload", ErrorClass::upstream_overloaded},
    CodeRow{"timeout", ErrorClass::timeout},
    CodeRow{"too_large", ErrorClass::too_large},
    CodeRow{"invalid", ErrorClass::upstream_rejected},
    CodeRow{"bad_request", ErrorClass::upstream_rejected},
    CodeRow{"context_length", ErrorClass::context_length},
    CodeRow{"api_error", ErrorClass::upstream_server},
};

std::string lower(std::string_view s)
{
    std::string out(s);
    for (char& c : out) c = text::to_lower(c);
    return out;
}

// The texts of a body, once in lower case for all the searches.
struct Texts {
    std::string message, code, type;

    explicit Texts(const ErrorBody& body) : message(lower(body.message)), code(lower(body.code)), type(lower(body.type))
    {
    }

    bool mentions(const Phrase& phrase) const noexcept
    {
        return message.find(phrase.part) != message.npos && message.find(phrase.also) != message.npos;
    }
    bool has_word(std::string_view word) const noexcept
    {
        return code.find(word) != code.npos || type.find(word) != type.npos;
    }
    bool has_any(std::span<const std::string_view> words, std::span<const Phrase> phrases) const noexcept
    {
        for (std::string_view word : words) {
            // Some put their code where the message belongs.
            if (has_word(word) || message == word) return true;
        }
        for (const Phrase& phrase : phrases) {
            if (mentions(phrase)) return true;
        }
        return false;
    }
};

bool about_credential(int status, const Texts& texts) noexcept
{
    if (texts.has_any({}, kCredentialPhrases)) return true;
    for (std::string_view word : kCredentialWords) {
        // What a 429 says is about the account, never about what was asked.
        if (texts.has_word(word) || (status == 429 && texts.mentions({word}))) return true;
    }
    return false;
}

std::string_view utf8_prefix(std::string_view s, size_t max) noexcept
{
    if (s.size() <= max) return s;
    while (max > 0 && (static_cast<unsigned char>(s[max]) & 0xc0) == 0x80) max--;
    return s.substr(0, max);
}

// A string, or any other value as it is written: codes are numbers in places.
std::string loose(const Value* v, size_t max)
{
    if (!v || v->is_null()) return {};
    if (!v->is_string()) return std::string(utf8_prefix(v->raw(), max));
    std::string out;
    // No escape is longer than six bytes for each that it stands for.
    json::append_decoded(out, json::escaped_prefix(v->body(), 6 * max));
    out.resize(utf8_prefix(out, max).size());
    return out;
}

// Google's RetryInfo among the details.
int64_t read_retry_info(const Value& o)
{
    const Value* details = o.get("details");
    if (!details || !details->is_array()) return -1;
    for (const Value& detail : *details) {
        const Value* delay = detail.get("retryDelay");
        if (std::optional<int64_t> ms = wire::parse_duration(loose(delay, kMaxWord))) return *ms;
    }
    return -1;
}

// "Please retry after 26 seconds", "Please try again in 1.2s."
int64_t read_told_wait(std::string_view message)
{
    constexpr std::array<std::string_view, 3> kBefore = {"retry after ", "retry in ", "try again in "};
    std::string low = lower(message);
    for (std::string_view before : kBefore) {
        size_t at = low.find(before);
        if (at == low.npos) continue;
        std::string_view rest = std::string_view(low).substr(at + before.size());
        if (std::optional<int64_t> ms = wire::parse_spoken_duration(rest)) return *ms;
    }
    return -1;
}

void read_object(const Value& o, ErrorBody& out)
{
    out.message = loose(o.get("message"), kMaxMessage);
    out.type = loose(o.get("type"), kMaxWord);
    if (out.type.empty()) out.type = loose(o.get("status"), kMaxWord);
    // Azure says there why it is a bad request.
    const Value* inner = o.get("innererror");
    if (inner && out.type.empty()) out.type = loose(inner->get("code"), kMaxWord);
    out.code = loose(o.get("code"), kMaxWord);
    out.param = loose(o.get("param"), kMaxWord);
    out.retry_after_ms = read_retry_info(o);
}

// FastAPI's `detail`: a text, an object with `error`, or a list of {loc, msg}.
std::string read_detail(const Value& detail)
{
    if (const Value* error = detail.get("error")) return loose(error, kMaxMessage);
    if (!detail.is_array()) return loose(&detail, kMaxMessage);
    std::string out;
    for (const Value& item : detail) {
        if (out.size() > kMaxMessage) break;
        if (!out.empty()) out += "; ";
        std::string place;
        if (const Value* where = item.get("loc"); where && where->is_array()) {
            for (const Value& step : *where) {
                if (place.size() > kMaxWord) break;
                place += (place.empty() ? "" : ".") + loose(&step, kMaxWord);
            }
        }
        if (!place.empty()) out += place + ": ";
        out += loose(item.get("msg"), kMaxMessage);
    }
    out.resize(utf8_prefix(out, kMaxMessage).size());
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
        text::append_sanitized(out.message, utf8_prefix(s, kMaxPlain));
    }
}

ErrorBody read_shapes(const Value& root)
{
    const Value* o = &root;
    if (root.is_array() && root.size() > 0) o = &*root.begin();
    ErrorBody out;
    if (const Value* error = o->get("error")) {
        if (error->is_object()) {
            read_object(*error, out);
            return out;
        }
        out.message = loose(error, kMaxMessage);
        out.code = loose(o->get("code"), kMaxWord);
        return out;
    }
    read_object(*o, out);
    auto otherwise = [&](const Value* v) {
        if (out.message.empty()) out.message = loose(v, kMaxMessage);
    };
    otherwise(o->get("Message"));
    if (const Value* detail = o->get("detail"); detail && out.message.empty()) out.message = read_detail(*detail);
    if (const Value* fault = o->get("fault")) otherwise(fault->get("faultstring"));
    if (const Value* base = o->get("base_resp")) {
        otherwise(base->get("status_msg"));
        if (out.code.empty()) out.code = loose(base->get("status_code"), kMaxWord);
    }
    for (std::string_view name : {"error_description", "title", "msg"}) otherwise(o->get(name));
    return out;
}

}  // namespace

ErrorBody read_error_body(const Value& root)
{
    ErrorBody out = read_shapes(root);
    if (out.retry_after_ms < 0) out.retry_after_ms = read_told_wait(out.message);
    out.retry_after_ms = std::min(out.retry_after_ms, wire::kMaxWait);
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
    out.retry_after_ms = std::min(read_told_wait(out.message), wire::kMaxWait);
    return out;
}

std::optional<ErrorClass> class_of_words(std::string_view type, std::string_view code)
{
    for (const CodeRow& row : kWords) {
        if (text::icontains(type, row.code) || text::icontains(code, row.code)) return row.kind;
    }
    return std::nullopt;
}

std::optional<ErrorClass> class_of_code(const ErrorBody& body, std::span<const CodeRow> codes) noexcept
{
    for (const CodeRow& row : codes) {
        if (body.code == row.code) return row.kind;
    }
    return std::nullopt;
}

ErrorClass classify(int status, const ErrorBody& body)
{
    Texts texts(body);
    if (about_credential(status, texts)) return ErrorClass::upstream_credential;
    if (std::optional<ErrorClass> kind = class_of_code(body, kCodes)) return *kind;
    bool may_be_request = status == 0 || (status >= 400 && status != 429);
    // Bedrock says "too many tokens, please wait" of a rate.
    bool too_many = texts.mentions({"too many tokens"}) && !texts.mentions({"please wait"});
    if (may_be_request && (too_many || texts.has_any(kContextWords, kContextPhrases))) {
        return ErrorClass::context_length;
    }
    if (may_be_request && texts.has_any(kPolicyWords, kPolicyPhrases)) return ErrorClass::content_policy;

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

    // No status: by what the codes usually say.
    if (auto number = text::to_uint(body.code); number && *number >= 400 && *number < 600) {
        return classify(static_cast<int>(*number), body);
    }
    return class_of_words(body.type, body.code).value_or(ErrorClass::upstream_server);
}

ApiError upstream_error(ErrorClass kind, const ErrorBody& body)
{
    if (kind == ErrorClass::upstream_credential) {
        return make_error(kind, "The gateway's credential for the upstream was refused.");
    }
    constexpr std::string_view kNoMessage = "The upstream gave no error message.";
    ApiError e = make_error(kind, body.message.empty() ? kNoMessage : std::string_view(body.message), body.param);
    // A provider's own word for a fault of the request is worth keeping, where it
    // is one: it goes into logs and headers.
    bool word = text::is_token(body.code, kMaxCode) && !text::to_uint(body.code);
    if (kind == ErrorClass::upstream_rejected && word) e.code = body.code;
    bool may_wait = kind == ErrorClass::upstream_rate_limited || kind == ErrorClass::upstream_overloaded;
    if (may_wait) e.retry_after_ms = body.retry_after_ms;
    return e;
}

}  // namespace llm::chat
