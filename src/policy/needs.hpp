#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "chat/error.hpp"
#include "chat/needs.hpp"
#include "chat/request.hpp"

// Which targets can carry a request, before one is asked.
namespace llm::policy {

struct Demand {
    chat::Needs needs;
    int64_t input = 0;  // tokens, estimated
};

// What a target has to offer. Nothing said is nothing missing.
struct Offer {
    chat::Needs lacks;
    int64_t max_input = 0;  // tokens; 0: not known
    int64_t window = 0;     // the model's own limit, to be preferred by and not to be refused for
};

chat::Needs needs_of(const chat::Request& request) noexcept;

bool meets(const Offer& offer, const Demand& demand) noexcept;

// Whether a prompt of so many tokens, which are an estimate, is safe there.
constexpr bool is_roomy(const Offer& offer, int64_t input) noexcept
{
    return offer.window == 0 || input <= offer.window;
}

// Why none of the offers will do: the needs that nobody meets, or all of them
// when it is only together that they are too much. Call when none meets it.
chat::ApiError unmet(std::span<const Offer> offers, const Demand& demand, std::string_view model);

// The needs of a list such as "images,tools"; false when there is an unknown one.
bool parse_needs(std::string_view list, chat::Needs& out) noexcept;

}  // namespace llm::policy
