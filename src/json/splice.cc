#include "json/splice.hpp"

#include <algorithm>
#include <functional>

namespace llm::json {

namespace {

// Where a member begins: at the quote before its name.
const char* begin_of(const Value& member) noexcept
{
    return member.key().data() - 1;
}

const char* end_of(const Value& v) noexcept
{
    return v.raw().data() + v.raw().size();
}

}  // namespace

void Splice::reset(std::string_view text) noexcept
{
    text_ = text;
    edits_.clear();
    members_.clear();
}

void Splice::replace(std::string_view slice, std::string with)
{
    edits_.push_back({static_cast<size_t>(slice.data() - text_.data()), slice.size(), std::move(with)});
}

void Splice::add_member(const Value& object, std::string_view name, std::string_view json)
{
    std::string member = "\"";
    member.append(name).append("\":").append(json);
    members_.push_back({&object, nullptr, std::move(member)});
}

void Splice::remove(const Value& object, const Value& member)
{
    members_.push_back({&object, &member});
}

// All that comes and goes in one object, in the order of its members. One that
// goes takes the comma before it along, or the one behind it while no member
// before it stays.
void Splice::settle(std::span<const Member> members)
{
    const Value& object = *members.front().object;
    auto next = members.begin();
    const char* last = nullptr;  // end of the member before
    bool any = false;            // one stays
    for (auto m = object.begin(); m != object.end();) {
        const Value& member = *m;
        ++m;
        bool goes = false;
        for (; next != members.end() && next->removed == &member; ++next) goes = true;
        if (goes) {
            const char* from = any ? last : begin_of(member);
            const char* to = any || m == object.end() ? end_of(member) : begin_of(*m);
            replace({from, static_cast<size_t>(to - from)}, {});
        }
        any = any || !goes;
        last = end_of(member);
    }
    std::string added;
    for (; next != members.end(); ++next) {
        if (any || !added.empty()) added += ',';
        added += next->added;
    }
    const char* end = end_of(object) - 1;
    if (!added.empty()) replace({end, end}, std::move(added));
}

void Splice::settle()
{
    // Nodes lie in the order of the document; what is new comes last in its object.
    std::stable_sort(members_.begin(), members_.end(), [](const Member& a, const Member& b) {
        if (a.object != b.object) return std::less<>()(a.object, b.object);
        return a.removed && (!b.removed || std::less<>()(a.removed, b.removed));
    });
    for (auto from = members_.begin(); from != members_.end();) {
        auto to = std::find_if(from, members_.end(), [&](const Member& m) { return m.object != from->object; });
        settle({from, to});
        from = to;
    }
    members_.clear();
}

void Splice::apply(Rope& out)
{
    settle();
    std::stable_sort(edits_.begin(), edits_.end(), [](const Edit& a, const Edit& b) { return a.at < b.at; });
    size_t from = 0;
    for (const Edit& edit : edits_) {
        out.ref(text_.substr(from, edit.at - from));
        out.append(edit.inserted);
        from = edit.at + edit.removed;
    }
    out.ref(text_.substr(from));
}

}  // namespace llm::json
