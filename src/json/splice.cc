#include "json/splice.hpp"

#include <algorithm>

namespace llm::json {

void Splice::replace(std::string_view slice, std::string with)
{
    auto at = static_cast<size_t>(slice.data() - text_.data());
    auto behind = std::upper_bound(edits_.begin(), edits_.end(), at, [](size_t n, const Edit& e) { return n < e.at; });
    edits_.insert(behind, {at, slice.size(), std::move(with)});
}

void Splice::add_member(const Value& object, std::string_view name, std::string_view json)
{
    std::string member = object.size() > 0 ? ",\"" : "\"";
    member.append(name).append("\":").append(json);
    replace(object.raw().substr(object.raw().size() - 1, 0), std::move(member));
}

void Splice::apply(Rope& out)
{
    size_t from = 0;
    for (const Edit& edit : edits_) {
        out.ref(text_.substr(from, edit.at - from));
        out.append(edit.inserted);
        from = edit.at + edit.removed;
    }
    out.ref(text_.substr(from));
}

}  // namespace llm::json
