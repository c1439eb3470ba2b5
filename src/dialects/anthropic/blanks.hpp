#pragma once

#include <string_view>
#include <unordered_map>

#include "json/value.hpp"

namespace llm::anthropic {

// Which texts of a request are blank to Anthropic, which refuses them. The
// same text is asked about many times and may be all of a request's bytes, so
// long answers are remembered.
class Blanks {
public:
    // `text` is a string that lives as long as this.
    bool is_blank(const json::Value& text);

private:
    std::unordered_map<const json::Value*, bool> known_;
};

// Without trailing blanks; `body` is still escaped.
std::string_view trim_end(std::string_view body) noexcept;

}  // namespace llm::anthropic
