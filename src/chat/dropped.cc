#include "chat/dropped.hpp"

#include "base/text.hpp"

namespace llm::chat {

void Dropped::add(std::string_view name)
{
    if (names_.size() + name.size() + 1 > kMax) return;
    std::string clean;
    for (char c : name) clean += text::is_graphic(c) && c != ',' ? c : '?';

    std::string listed = ',' + names_ + ',';
    if (listed.find(',' + clean + ',') != listed.npos) return;
    if (!names_.empty()) names_ += ',';
    names_ += clean;
}

}  // namespace llm::chat
