#pragma once

#include <optional>

#include "chat/money.hpp"
#include "chat/usage.hpp"

namespace llm::chat {

// Knows what an answer costs whose usage is known. nullopt: there is no price.
struct Pricer {
    virtual std::optional<Money> cost(const Usage& usage) const = 0;

protected:
    ~Pricer() = default;
};

}  // namespace llm::chat
