#include "relay/trace.hpp"

#include "json/writer.hpp"

namespace llm::relay {

std::string Trace::header() const
{
    std::string out;
    for (const Entry& e : entries_) {
        if (!out.empty()) out += ", ";
        out += e.target;
        out += ' ';
        out += e.status > 0 ? std::to_string(e.status) : "-";
        out += ' ';
        out += e.ms >= 0 ? std::to_string(e.ms) + "ms" : "-";
        out += ' ';
        out += e.reason;
    }
    // A refusal may name a field as the client has written it.
    for (char& c : out) {
        if (c < ' ' || c > '~') c = '?';
    }
    return out;
}

std::string Trace::json() const
{
    Rope out;
    json::Writer w(out);
    auto number = [&](std::string_view name, int64_t n, bool known) {
        w.key(name);
        if (known) {
            w.number(static_cast<uint64_t>(n));
        } else {
            w.null();
        }
    };
    {
        auto list = w.array();
        for (const Entry& e : entries_) {
            auto entry = w.object();
            w.string_member("target", e.target);
            number("status", e.status, e.status > 0);
            number("ms", e.ms, e.ms >= 0);
            w.string_member("reason", e.reason);
        }
    }
    return out.str();
}

}  // namespace llm::relay
