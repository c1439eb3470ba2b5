#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chat/body.hpp"
#include "chat/error.hpp"

// What a client says of its request's targets: in headers, in the query, in the
// model's name, and in members of the body as OpenRouter and LiteLLM have them.
// Wishes choose among what is there; they never add to it.
namespace llm::policy {

enum class Sort : uint8_t { none, price, throughput, latency };

struct Wishes {
    static constexpr size_t kMax = 16;  // of each list

    std::vector<std::string> models;  // to be tried after the one that was asked for
    // Names of providers or of their types.
    std::vector<std::string> only;  // empty: all
    std::vector<std::string> ignore;
    std::vector<std::string> order;  // these first
    std::vector<std::string> tags;
    bool by_header = false;  // `only` and `order` are a header's
    bool allow_fallbacks = true;
    bool require_parameters = false;  // refuse what would be dropped
    Sort sort = Sort::none;
    // Pico-dollars a token at most.
    std::optional<int64_t> max_prompt_price;
    std::optional<int64_t> max_completion_price;
    std::vector<const json::Value*> members;  // of the body, that say this
};

// Reads `models`, `fallbacks`, `route` and `provider`. False: `error` names the
// member that is wrong or that cannot be honoured.
bool read_wishes(const chat::RequestBody& body, Wishes& out, chat::ApiError& error);

// Adds the names of a list such as "a, b" to `out`; false: more than kMax.
bool read_list(std::string_view text, std::vector<std::string>& out);

// Cuts `:floor` or `:nitro` off a model's name.
Sort cut_suffix(std::string_view& model) noexcept;

// What a target is to the client's wishes.
struct Named {
    std::string_view provider;
    std::string_view type;
    bool routes = false;  // the body's `only` and `ignore` are carried out by it
};

// Whether `only` and `ignore` leave the target.
bool wants(const Wishes& wishes, const Named& target) noexcept;

// The target's place in `order`; its size when it is not there.
size_t place_in_order(const Wishes& wishes, const Named& target) noexcept;

// Whether a target with these tags may serve the request: one with a tag in common
// if there is any such target (`matched`), else one without tags, or with `default`.
bool fits_tags(const Wishes& wishes, std::span<const std::string_view> tags, bool matched) noexcept;
bool matches_tags(const Wishes& wishes, std::span<const std::string_view> tags) noexcept;

}  // namespace llm::policy
