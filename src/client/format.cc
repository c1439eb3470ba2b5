#include "client/format.hpp"

#include "client/completions/completions.hpp"

namespace llm::client {

const Format& format(chat::ClientFormat which) noexcept
{
    switch (which) {
        case chat::ClientFormat::chat_completions:
            break;
    }
    return completions::kFormat;
}

void append_event(Rope& out, std::string_view name, std::string_view data)
{
    if (!name.empty()) {
        out.append("event: ");
        out.append(name);
        out.append('\n');
    }
    out.append("data: ");
    for (size_t lf; (lf = data.find('\n')) != data.npos; data.remove_prefix(lf + 1)) {
        out.append(data.substr(0, lf));
        out.append("\ndata: ");
    }
    out.append(data);
    out.append("\n\n");
}

}  // namespace llm::client
