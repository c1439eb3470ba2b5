// Error bodies (wire format: gemini, section 12).
#include <array>

#include "chat/upstream_error.hpp"
#include "dialects/gemini/gemini.hpp"

namespace llm::gemini {

namespace {

using chat::ErrorClass;
using json::Value;

struct StatusRow {
    std::string_view name;
    int http;
};
constexpr std::array kStatuses = {
    StatusRow{"INVALID_ARGUMENT", 400},
    StatusRow{"FAILED_PRECONDITION", 400},
    StatusRow{"OUT_OF_RANGE", 400},
    StatusRow{"UNAUTHENTICATED", 401},
    StatusRow{"PERMISSION_DENIED", 403},
    StatusRow{"NOT_FOUND", 404},
    StatusRow{"ABORTED", 409},
    StatusRow{"ALREADY_EXISTS", 409},
    StatusRow{"RESOURCE_EXHAUSTED", 429},
    StatusRow{"CANCELLED", 499},
    StatusRow{"INTERNAL", 500},
    StatusRow{"UNKNOWN", 500},
    StatusRow{"DATA_LOSS", 500},
    StatusRow{"UNIMPLEMENTED", 501},
    StatusRow{"UNAVAILABLE", 503},
    StatusRow{"DEADLINE_EXCEEDED", 504},
};

// A quota that is back tomorrow: waiting as long as RetryInfo says is in vain.
bool is_spent(const Value& root)
{
    const Value* error = root.get("error");
    const Value* details = error ? error->get("details") : nullptr;
    if (!details || !details->is_array()) return false;
    for (const Value& detail : *details) {
        const Value* violations = detail.get("violations");
        if (!violations || !violations->is_array()) continue;
        for (const Value& one : *violations) {
            const Value* id = one.get("quotaId");
            if (id && id->body().find("PerDay") != std::string_view::npos) return true;
        }
    }
    return false;
}

chat::ApiError translate(int http_status, chat::ErrorBody& body, bool spent)
{
    // A stream's error has no status but the one it names.
    for (const StatusRow& row : kStatuses) {
        if (http_status == 0 && body.type == row.name) http_status = row.http;
    }
    ErrorClass kind = chat::classify(http_status, body);
    if (spent && kind == ErrorClass::upstream_rate_limited) kind = ErrorClass::upstream_credential;
    // Of where the gateway stands: another provider may serve there.
    if (body.message.find("location is not supported") != std::string::npos) kind = ErrorClass::unsupported;
    // The code is the status once more, in figures.
    body.code = body.type;
    chat::ApiError error = chat::upstream_error(kind, body);
    if (kind == ErrorClass::unsupported) error.code = body.code;
    return error;
}

}  // namespace

chat::ApiError decode_error(int http_status, std::string_view body)
{
    json::Document doc;
    if (doc.parse(body, json::Mode::liberal).ok() && (doc.root().is_object() || doc.root().is_array())) {
        return decode_error(http_status, doc.root());
    }
    chat::ErrorBody read = chat::read_error_body(body);
    return translate(http_status, read, false);
}

chat::ApiError decode_error(int http_status, const Value& root)
{
    // Vertex puts it into a list.
    const Value& first = root.is_array() && root.size() > 0 ? *root.begin() : root;
    chat::ErrorBody body = chat::read_error_body(first);
    return translate(http_status, body, is_spent(first));
}

}  // namespace llm::gemini
