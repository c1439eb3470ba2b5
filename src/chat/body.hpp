#pragma once

#include <memory_resource>
#include <span>
#include <string_view>

#include "json/document.hpp"
#include "json/value.hpp"

namespace llm::chat {

using json::Value;

// What every request in JSON has. It holds views only: every Value lives in
// `document`, whose text is the client's body, so what a dialect does not have
// to change it copies as it came.
struct RequestBody {
    RequestBody() = default;
    RequestBody(const RequestBody&) = delete;
    RequestBody& operator=(const RequestBody&) = delete;

    json::Document document;
    const Value* model = nullptr;
    std::string_view model_name;            // decoded; owned by `arena` or the body
    std::span<const Value* const> unknown;  // members no table knows, in order
    // Members that speak to the gateway and go no further; not among `unknown`.
    std::span<const Value* const> own;
    bool require_all = false;  // a target that would drop something will not do

    // Memory of spans and decoded texts, freed with the request.
    std::pmr::monotonic_buffer_resource arena;
};

}  // namespace llm::chat
