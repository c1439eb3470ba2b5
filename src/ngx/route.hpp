#pragma once

#include <string_view>
#include <vector>

#include "ngx/context.hpp"
#include "ngx/orchestrator.hpp"

namespace llm::ngx {

// What a client's model name leads to. Names are matched exactly, then by the
// longest prefix, then by regular expressions in order; with llm_direct also
// as provider/model.
struct Route {
    const ModelConf* model = nullptr;  // null for a direct name
    const ProviderConf* direct = nullptr;
    std::string_view direct_model = {};

    bool found() const noexcept { return model || direct; }
};

// Matching a regular expression sets its captures for target names.
Route find_route(ngx_http_request_t* r, std::string_view name);

// Whether the caller's project may use the name it asked for.
bool is_allowed(ngx_http_request_t* r, const Caller& caller, std::string_view name);

// The route's targets as written, with their names filled in; disabled providers
// are left out. A name that variables make unusable is left out too, with a log line.
std::vector<Target> list_targets(ngx_http_request_t* r, const Route& route, std::string_view name);

}  // namespace llm::ngx
