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

}  // namespace

void write_head(const Provider& provider, const RequestHead& head, std::string& out)
{
    out.append("POST ");
    out.append(head.has_base ? head.base : provider.base);
    out.append(provider.chat);
    out.append(" HTTP/1.1\r\n");
    add(out, "Host", head.host);
    add(out, "Content-Type", "application/json");
    add(out, "Content-Length", std::to_string(head.content_length));
    add(out, "Accept-Encoding", "identity");
    if (!has(head.headers, "user-agent")) add(out, "User-Agent", "ngx-llm-gateway");
    if (!head.key.empty()) {
        switch (provider.auth) {
            case Auth::bearer:
                out.append("Authorization: Bearer ").append(head.key).append("\r\n");
                break;
            case Auth::x_api_key:
                add(out, "x-api-key", head.key);
                break;
        }
    }
    for (const Header& h : provider.headers) {
        if (!has(head.headers, h.name)) add(out, h.name, h.value);
    }
    for (const Header& h : head.headers) add(out, h.name, h.value);
    out.append("\r\n");
}

}  // namespace llm::providers
