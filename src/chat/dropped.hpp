#pragma once

#include <string>
#include <string_view>

namespace llm::chat {

// Names of the request's fields that a target could not carry, for the
// `x-llm-dropped` header. The names are the client's: they are cleaned and capped.
class Dropped {
public:
    void add(std::string_view name);
    const std::string& names() const noexcept { return names_; }

private:
    static constexpr size_t kMax = 512;
    std::string names_;  // comma-separated
};

}  // namespace llm::chat
