#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/rope.hpp"
#include "json/value.hpp"

namespace llm::json {

// Changes to a JSON text that leave every other byte as it is.
class Splice {
public:
    Splice() = default;
    // `text` must outlive what apply() writes; the values and slices given
    // below must be parts of it. No two changes may be of the same bytes.
    explicit Splice(std::string_view text) noexcept : text_(text) {}

    // Begins anew with another text; memory is kept.
    void reset(std::string_view text) noexcept;

    bool empty() const noexcept { return edits_.empty() && members_.empty(); }

    void replace(std::string_view slice, std::string with);

    // Gives a member another name, which needs no escaping.
    void rename(const Value& member, std::string_view name) { replace(member.key(), std::string(name)); }

    // A further member: behind the last one of `object`.
    void add_member(const Value& object, std::string_view name, std::string_view json);

    // Takes a member out of `object`, with its name and one of the commas beside
    // it. Any number of an object's members may go.
    void remove(const Value& object, const Value& member);

    // From here on the values given before are not needed, only the text is.
    void settle();

    // Appends the changed text to `out`; unchanged parts go by reference. Once.
    void apply(Rope& out);

private:
    struct Edit {
        size_t at;
        size_t removed;
        std::string inserted;
    };
    // A member that comes or goes. Which commas do is known when all are.
    struct Member {
        const Value* object;
        const Value* removed;  // null: `added` is a new one
        std::string added = {};
    };

    void settle(std::span<const Member> members);

    std::string_view text_;
    std::vector<Edit> edits_;
    std::vector<Member> members_;
};

}  // namespace llm::json
