#pragma once

#include <string_view>
#include <vector>

#include "ngx/ngx.hpp"
#include "policy/hours.hpp"
#include "policy/needs.hpp"
#include "policy/prices.hpp"
#include "policy/select.hpp"

namespace llm::ngx {

// When a target is one, and how it stands among the others.
struct TargetRules {
    uint32_t weight = 1;
    uint32_t priority = 0;
    std::vector<std::string_view> tags;
    std::vector<std::string_view> keys;             // ids of the provider's; empty: all
    ngx_http_complex_value_t* condition = nullptr;  // open unless it is empty or "0"
    policy::Hours hours;
    policy::Offer offer;
    chat::Needs can;                   // whatever is said elsewhere
    uint8_t reasons = 0;               // policy::Reason: when a fallback is turned to; 0: it is not said
    std::vector<policy::Rate> prices;  // instead of the provider's
};

// The order of a model's targets.
struct RouteRules {
    bool set = false;
    std::string_view name = "order";  // of the strategy, as written
    policy::Strategy strategy = policy::Strategy::order;
    uint32_t within = 0;                      // cost: milliseconds; 0: any
    ngx_http_complex_value_t* key = nullptr;  // hash; null: the conversation's beginning
};

}  // namespace llm::ngx
