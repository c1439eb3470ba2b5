#include "dialects/allowed_tools.hpp"

#include <algorithm>

namespace llm::dialects {

using namespace chat;

AllowedTools::AllowedTools(const Request& request)
{
    const Value* allowed = request.tool_choice.allowed;
    if (!allowed) return;
    limited_ = true;
    for (const Value& entry : *allowed) {
        const Value* function = entry.find("function");
        const Value* name = function ? function->find("name") : entry.find("name");
        if (name && name->is_string()) names_.insert(name->text());
    }
    none_ = std::none_of(request.tools.begin(), request.tools.end(), [&](const Tool& t) { return has(t); });
}

bool AllowedTools::has(const Tool& tool) const
{
    return !limited_ || none_ || !tool.name || names_.contains(tool.name->text());
}

}  // namespace llm::dialects
