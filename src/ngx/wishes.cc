#include "ngx/wishes.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace llm::ngx {

namespace {

using policy::Wishes;

// The first header of one of the names that is there, or an empty view.
template <size_t N>
std::string_view header(const ngx_http_request_t* r, const std::array<std::string_view, N>& names) noexcept
{
    for (std::string_view name : names) {
        for (const ngx_list_part_t* part = &r->headers_in.headers.part; part; part = part->next) {
            const auto* h = static_cast<const ngx_table_elt_t*>(part->elts);
            for (ngx_uint_t i = 0; i < part->nelts; i++) {
                if (text::iequals(view(h[i].key), name)) return view(h[i].value);
            }
        }
    }
    return {};
}

constexpr std::array<std::string_view, 2> kProvider = {"x-llm-provider", "x-provider"};
constexpr std::array<std::string_view, 2> kTags = {"x-llm-tags", "x-litellm-tags"};

bool too_many(chat::ApiError& error, std::string_view where)
{
    error = make_error(chat::ErrorClass::bad_request, "Too many names in '" + std::string(where) + "'.", where);
    error.code = "invalid_value";
    return false;
}

// They leave the body's `unknown` for its `own`.
void set_apart(chat::RequestBody& body, const std::vector<const json::Value*>& members)
{
    std::pmr::polymorphic_allocator<const json::Value*> memory(&body.arena);
    auto is_own = [&](const json::Value* v) { return std::find(members.begin(), members.end(), v) != members.end(); };
    const json::Value** both = memory.allocate(body.unknown.size());
    const json::Value** end = std::copy(body.unknown.begin(), body.unknown.end(), both);
    const json::Value** own = std::stable_partition(both, end, [&](const json::Value* v) { return !is_own(v); });
    body.unknown = {both, own};
    body.own = {own, end};
}

}  // namespace

bool hear_wishes(ngx_http_request_t* r, chat::RequestBody& body, Wishes& out, chat::ApiError& error)
{
    if (!policy::read_wishes(body, out, error)) return false;
    if (!out.members.empty()) set_apart(body, out.members);
    body.require_all = out.require_parameters;

    std::string_view tags = header(r, kTags);
    if (!policy::read_list(tags, out.tags)) return too_many(error, kTags[0]);

    std::string_view providers = header(r, kProvider);
    ngx_str_t name = borrow("provider");
    ngx_str_t value = {};
    if (providers.empty() && ngx_http_arg(r, name.data, name.len, &value) == NGX_OK) providers = view(value);
    std::vector<std::string> only;
    if (!policy::read_list(providers, only)) return too_many(error, kProvider[0]);
    // Said for this request alone, it is stronger than what an SDK always sends.
    out.by_header = !only.empty();
    if (out.by_header) out.order = out.only = std::move(only);
    return true;
}

}  // namespace llm::ngx
