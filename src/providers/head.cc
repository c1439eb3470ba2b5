#include <algorithm>

#include "base/text.hpp"
#include "providers/provider.hpp"

namespace llm::providers {

namespace {

void add(std::string& out, std::string_view name, std::string_view value)
{
    out.append(name).append(": ").append(value).append("\r\n");
}

bool has(std::span<const Header> headers, std::string_view name) noexcept
{
    for (const Header& h : headers) {
        if (text::iequals(h.name, name)) return true;
    }
    return false;
}

// The header that carries the key, and what stands before the key in it.
struct Carrier {
    std::string_view name;
    std::string_view scheme;
};

Carrier carrier_of(Auth auth) noexcept
{
    switch (auth) {
        case Auth::bearer:
            return {"Authorization", "Bearer "};
        case Auth::api_key:
            return {"api-key", ""};
        case Auth::x_goog_api_key:
            return {"x-goog-api-key", ""};
        case Auth::x_api_key:
            break;
    }
    return {"x-api-key", ""};
}

bool is_credential(std::string_view name) noexcept
{
    constexpr std::string_view kWords[] = {"auth", "key", "token", "secret", "cookie", "credential"};
    for (std::string_view word : kWords) {
        if (text::icontains(name, word)) return true;
    }
    return false;
}

}  // namespace

void hide_secrets(std::string_view head, std::string& text)
{
    constexpr size_t kLeast = 16;  // shorter ones are words
    while (!head.empty() && !text.empty()) {
        std::string_view line = head.substr(0, head.find("\r\n"));
        head.remove_prefix(std::min(line.size() + 2, head.size()));
        size_t colon = line.find(": ");
        if (colon == line.npos || !is_credential(line.substr(0, colon))) continue;
        std::string_view value = line.substr(colon + 2);
        value.remove_prefix(value.rfind(' ') + 1);  // behind a scheme such as Bearer
        if (value.size() < kLeast) continue;
        for (size_t at = 0; (at = text.find(value, at)) != text.npos;) text.replace(at, value.size(), "[key]");
    }
}

void write_head(const Provider& provider, const RequestHead& head, std::string& out)
{
    constexpr size_t kUsualSize = 320;
    out.reserve(kUsualSize);
    out.append("POST ");
    out.append(head.has_base ? head.base : provider.base);
    out.append(head.path);
    out.append(" HTTP/1.1\r\n");
    add(out, "Host", head.host);
    add(out, "Content-Type", "application/json");
    add(out, "Content-Length", std::to_string(head.content_length));
    add(out, "Accept-Encoding", "identity");
    if (!has(head.headers, "user-agent")) add(out, "User-Agent", "ngx-llm-gateway");
    // A header of the operator's in its place replaces the key.
    Carrier carrier = carrier_of(head.auth.value_or(provider.auth));
    if (!head.key.empty() && !has(head.headers, carrier.name)) {
        out.append(carrier.name).append(": ").append(carrier.scheme).append(head.key).append("\r\n");
    }
    for (const Header& h : provider.headers) {
        if (!has(head.headers, h.name)) add(out, h.name, h.value);
    }
    for (const Header& h : head.headers) add(out, h.name, h.value);
    out.append("\r\n");
}

}  // namespace llm::providers
