#pragma once

#include <string>
#include <unordered_set>

#include "chat/request.hpp"

namespace llm::dialects {

// tool_choice allowed_tools: which of the request's tools are offered.
class AllowedTools {
public:
    explicit AllowedTools(const chat::Request& request);

    bool has(const chat::Tool& tool) const;

    // A list that lets none of the tools through. The provider wants at least
    // one of them, so all are sent and none may be called.
    bool none() const noexcept { return none_; }

private:
    bool limited_ = false;
    bool none_ = false;
    std::unordered_set<std::string> names_;
};

}  // namespace llm::dialects
