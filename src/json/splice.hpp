#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/rope.hpp"
#include "json/value.hpp"

namespace llm::json {

// Changes to a JSON text that leave every other byte as it is.
class Splice {
public:
    // `text` must outlive what apply() writes; the values and slices given
    // below must be parts of it.
    explicit Splice(std::string_view text) noexcept : text_(text) {}

    void replace(std::string_view slice, std::string with);

    // A further member: behind the last one of `object`.
    void add_member(const Value& object, std::string_view name, std::string_view json);

    // Appends the changed text to `out`; unchanged parts go by reference.
    void apply(Rope& out);

private:
    struct Edit {
        size_t at;
        size_t removed;
        std::string inserted;
    };

    std::string_view text_;
    std::vector<Edit> edits_;  // in the order of their places
};

}  // namespace llm::json
