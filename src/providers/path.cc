#include <algorithm>
#include <array>

#include "providers/provider.hpp"

namespace llm::providers {

namespace {

struct Name {
    std::string_view text;
    std::string_view PathValues::*value;
};
constexpr std::array kNames = {
    Name{"{model}", &PathValues::model},
    Name{"{project}", &PathValues::project},
    Name{"{location}", &PathValues::location},
    Name{"{api_version}", &PathValues::api_version},
};

bool is_unreserved(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void append_segment(std::string& out, std::string_view text)
{
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (char c : text) {
        if (is_unreserved(c)) {
            out += c;
            continue;
        }
        auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
    }
}

}  // namespace

std::string fill_path(std::string_view path, const PathValues& values)
{
    if (size_t bar = path.find('|'); bar != path.npos) {
        path = values.api_version.empty() ? path.substr(0, bar) : path.substr(bar + 1);
    }
    std::string out;
    for (size_t close; (close = path.find('}')) != path.npos;) {
        size_t open = std::min(path.rfind('{', close), close);
        out.append(path.substr(0, open));
        path.remove_prefix(open);
        std::string_view name = path.substr(0, close - open + 1);
        for (const Name& n : kNames) {
            if (n.text == name) append_segment(out, values.*n.value);
        }
        path.remove_prefix(name.size());
    }
    return out.append(path);
}

}  // namespace llm::providers
