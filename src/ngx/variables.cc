// The $llm_* variables.
#include <cstdio>

#include "ngx/conf.hpp"
#include "ngx/context.hpp"
#include "ngx/orchestrator.hpp"
#include "ngx/process.hpp"
#include "ngx/zone.hpp"

namespace llm::ngx {

namespace {

using Value = ngx_http_variable_value_t;

ngx_int_t none(Value* v) noexcept
{
    v->not_found = 1;
    return NGX_OK;
}

ngx_int_t set(ngx_http_request_t* r, Value* v, std::string_view text) noexcept
{
    if (text.empty()) return none(v);
    ngx_str_t copy = copy_to(r->pool, text);
    if (!copy.data) return NGX_ERROR;
    v->len = static_cast<unsigned>(copy.len);
    v->data = copy.data;
    v->valid = 1;
    v->no_cacheable = 1;  // it may still change
    v->not_found = 0;
    return NGX_OK;
}

ngx_int_t set_number(ngx_http_request_t* r, Value* v, int64_t n) noexcept
{
    u_char text[NGX_INT64_LEN];
    u_char* end = ngx_sprintf(text, "%L", n);
    return set(r, v, {reinterpret_cast<char*>(text), static_cast<size_t>(end - text)});
}

// Seconds with milliseconds, as $request_time.
ngx_int_t set_time(ngx_http_request_t* r, Value* v, ngx_msec_int_t ms) noexcept
{
    if (ms < 0) return none(v);
    u_char text[NGX_TIME_T_LEN + 4];
    u_char* end = ngx_sprintf(text, "%T.%03M", static_cast<time_t>(ms / 1000), static_cast<ngx_msec_t>(ms % 1000));
    return set(r, v, {reinterpret_cast<char*>(text), static_cast<size_t>(end - text)});
}

const Record* record_of(const ngx_http_request_t* r) noexcept
{
    const Context* ctx = find_context(r);
    return ctx ? &ctx->record : nullptr;
}

// Texts of the record.
template <auto Member>
ngx_int_t text(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    const Record* record = record_of(r);
    return record ? set(r, v, record->*Member) : none(v);
}

// What is known once the request's body has been read.
template <auto Member>
ngx_int_t flag(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    const Record* record = record_of(r);
    return record && record->known ? set(r, v, record->*Member ? "1" : "0") : none(v);
}

template <auto Member>
ngx_int_t time(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    const Record* record = record_of(r);
    return record ? set_time(r, v, record->*Member) : none(v);
}

// Token counts, when the provider has told them.
template <auto Member>
ngx_int_t tokens(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    const Record* record = record_of(r);
    return record && record->usage.known ? set_number(r, v, record->usage.*Member) : none(v);
}

ngx_int_t total_tokens(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    const Record* record = record_of(r);
    return record && record->usage.known ? set_number(r, v, record->usage.total()) : none(v);
}

ngx_int_t cost(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    const Record* record = record_of(r);
    if (!record || !record->cost) return none(v);
    return guarded(r->connection->log, [&] { return set(r, v, chat::dollars(*record->cost)); });
}

ngx_int_t unpriced(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    return set_number(r, v, static_cast<int64_t>(unpriced_answers(*main_conf(r))));
}

ngx_int_t attempts(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    const Record* record = record_of(r);
    return record && record->known ? set_number(r, v, static_cast<int64_t>(record->attempts)) : none(v);
}

template <Orchestrator::Fact Fact>
ngx_int_t each_attempt(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    const Context* ctx = find_context(r);
    if (!ctx || !ctx->orchestrator) return none(v);
    return guarded(r->connection->log, [&] { return set(r, v, ctx->orchestrator->list_attempts(Fact)); });
}

// The caller is looked up in whatever phase asks first.
template <class Get>
ngx_int_t caller(ngx_http_request_t* r, Value* v, Get get) noexcept
{
    return guarded(r->connection->log, [&] {
        Context* ctx = get_context(r);
        if (!ctx) return ngx_int_t{NGX_ERROR};
        const Caller& c = authenticate(r, *ctx);
        return c.is_known() ? set(r, v, get(c)) : none(v);
    });
}

ngx_int_t project(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    return caller(r, v, [](const Caller& c) { return view(c.project->name); });
}

ngx_int_t key_id(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    return caller(r, v, [](const Caller& c) { return std::string_view(c.key_id); });
}

ngx_int_t active(ngx_http_request_t* r, Value* v, uintptr_t) noexcept
{
    return set_number(r, v, static_cast<int64_t>(active_requests(*main_conf(r))));
}

struct Variable {
    ngx_str_t name;
    ngx_http_get_variable_pt get;
};

const Variable kVariables[] = {
    {ngx_string("llm_request_model"), text<&Record::request_model>},
    {ngx_string("llm_model"), text<&Record::model>},
    {ngx_string("llm_provider"), text<&Record::provider>},
    {ngx_string("llm_attempts"), attempts},
    {ngx_string("llm_attempt_providers"), each_attempt<Orchestrator::Fact::provider>},
    {ngx_string("llm_attempt_models"), each_attempt<Orchestrator::Fact::model>},
    {ngx_string("llm_attempt_statuses"), each_attempt<Orchestrator::Fact::status>},
    {ngx_string("llm_attempt_times"), each_attempt<Orchestrator::Fact::time>},
    {ngx_string("llm_attempt_costs"), each_attempt<Orchestrator::Fact::cost>},
    {ngx_string("llm_fallback"), flag<&Record::fallback>},
    {ngx_string("llm_stream"), flag<&Record::stream>},
    {ngx_string("llm_finish_reason"), text<&Record::finish_reason>},
    {ngx_string("llm_prompt_tokens"), tokens<&chat::Usage::prompt>},
    {ngx_string("llm_completion_tokens"), tokens<&chat::Usage::completion>},
    {ngx_string("llm_total_tokens"), total_tokens},
    {ngx_string("llm_cached_tokens"), tokens<&chat::Usage::cache_read>},
    {ngx_string("llm_reasoning_tokens"), tokens<&chat::Usage::reasoning>},
    {ngx_string("llm_cost"), cost},
    {ngx_string("llm_time_to_first_token"), time<&Record::first_token>},
    {ngx_string("llm_upstream_time"), time<&Record::upstream>},
    {ngx_string("llm_overhead_time"), time<&Record::overhead>},
    {ngx_string("llm_project"), project},
    {ngx_string("llm_key_id"), key_id},
    {ngx_string("llm_error"), text<&Record::error>},
    {ngx_string("llm_active_requests"), active},
    {ngx_string("llm_unpriced"), unpriced},
};

}  // namespace

ngx_int_t add_variables(ngx_conf_t* cf)
{
    for (const Variable& known : kVariables) {
        ngx_str_t name = known.name;
        ngx_http_variable_t* v = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (!v) return NGX_ERROR;
        v->get_handler = known.get;
    }
    return NGX_OK;
}

}  // namespace llm::ngx
