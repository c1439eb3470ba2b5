// What all workers together know of targets, for people and their monitoring.
#include "ngx/status.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "json/writer.hpp"
#include "ngx/health.hpp"
#include "ngx/load.hpp"
#include "ngx/respond.hpp"
#include "ngx/zone.hpp"

namespace llm::ngx {

namespace {

using json::Writer;
using policy::BreakerState;

struct Load {
    uint32_t in_flight = 0;
    policy::Speed speed;
};

Load load_of(const MainConf& conf, const TargetReport& t)
{
    const LoadRow* row = look_at_load(conf, target_id(t.provider, t.model));
    return row ? Load{active_at(conf, *row), speed_of(*row)} : Load{};
}

std::string_view phase_of(const BreakerState& breaker) noexcept
{
    switch (breaker.phase) {
        case BreakerState::Phase::open:
            return "open";
        case BreakerState::Phase::half_open:
            return "half_open";
        case BreakerState::Phase::closed:
            break;
    }
    return "closed";
}

// Seconds until the breaker lets a probe through, 0 where it need not be waited for.
int64_t wait_of(const BreakerState& breaker, int64_t now) noexcept
{
    return breaker.phase == BreakerState::Phase::open ? std::max<int64_t>(breaker.until_ms - now, 0) : 0;
}

std::string_view state_of(const policy::CredentialState& key, int64_t now) noexcept
{
    if (!key.ready(now)) return key.refused > 0 ? "refused" : "limited";
    return key.scarce_ms > now ? "scarce" : "ready";
}

// The log's words, as one.
std::string name_of(chat::ErrorClass kind)
{
    if (kind == chat::ErrorClass::none) return "answered";
    std::string name(chat::traits(kind).name);
    std::replace(name.begin(), name.end(), ' ', '_');
    return name;
}

// Calls `each` with the name and the number of every outcome there was.
template <class Each>
void each_outcome(const TargetState& state, Each each)
{
    for (size_t i = 0; i < chat::kErrorClasses; i++) {
        if (state.ended[i] > 0) each(name_of(static_cast<chat::ErrorClass>(i)), state.ended[i]);
    }
    if (state.given_up > 0) each("given_up", state.given_up);
}

std::string seconds(int64_t ms)
{
    u_char text[NGX_INT64_LEN + sizeof(".000")];
    u_char* end = ngx_sprintf(text, "%L.%03L", ms / 1000, ms % 1000);
    return {reinterpret_cast<char*>(text), static_cast<size_t>(end - text)};
}

// --- JSON -----------------------------------------------------------------------

void write_average(Writer& w, std::string_view name, const policy::Average& average)
{
    if (average.known()) w.key(name).copy(seconds(average.value()));
}

void write_target(Writer& w, const MainConf& conf, const TargetReport& t, int64_t now)
{
    auto object = w.object();
    w.string_member("provider", t.provider);
    w.string_member("model", t.model);
    Load load = load_of(conf, t);
    w.member("in_flight", load.in_flight);
    {
        const BreakerState& breaker = t.state.breaker;
        auto member = w.object("breaker");
        w.string_member("state", phase_of(breaker));
        w.member("failures", breaker.run);
        w.member("openings", breaker.repeats);
        if (breaker.phase != BreakerState::Phase::closed) {
            w.key("open_for").copy(seconds(std::max<int64_t>(now - breaker.opened_ms, 0)));
            w.key("retry_in").copy(seconds(wait_of(breaker, now)));
        }
    }
    write_average(w, "first_token", load.speed.first_token);
    write_average(w, "whole_answer", load.speed.whole);
    if (uint32_t micro = load.speed.per_token.value()) w.member("tokens_per_second", 1'000'000 / micro);
    auto attempts = w.object("attempts");
    each_outcome(t.state, [&](std::string_view name, uint64_t n) { w.member(name, n); });
}

void write_provider(Writer& w, const MainConf& conf, const ProviderConf& p, int64_t now)
{
    auto object = w.object();
    w.string_member("name", view(p.name));
    w.string_member("type", p.type->name);
    w.key("disabled").boolean(p.disabled);
    auto keys = w.array("keys");
    size_t i = 0;
    for (const policy::CredentialState& key : report_credentials(conf, p)) {
        auto row = w.object();
        if (std::string_view id = p.key_ids[i++]; !id.empty()) w.string_member("id", id);
        w.string_member("state", state_of(key, now));
        w.key("ready_in").copy(seconds(std::max<int64_t>(key.ready_ms - now, 0)));
    }
}

void write_model(Writer& w, const ModelConf& model)
{
    auto object = w.object();
    w.string_member("model", model.patterns[0].text);
    w.string_member("route", model.route.name);
    auto targets = w.array("targets");
    for (const TargetConf& t : model.targets) {
        auto target = w.object();
        w.string_member("provider", t.provider_name);
        if (t.model) w.string_member("model", view(t.model->value));
        w.key("fallback").boolean(t.fallback);
        w.key("disabled").boolean(t.disabled());
    }
}

std::string json_status(const MainConf& conf)
{
    int64_t now = health_time();
    Rope out;
    Writer w(out);
    {
        auto status = w.object();
        w.string_member("object", "llm.status");
        w.key("all_workers").boolean(conf.shared != nullptr);
        w.member("active_requests", active_requests(conf));
        w.member("unpriced_answers", unpriced_answers(conf));
        {
            auto providers = w.array("providers");
            for (const ProviderConf* p : conf.providers) write_provider(w, conf, *p, now);
        }
        {
            auto models = w.array("models");
            for (const ModelConf* model : conf.models) write_model(w, *model);
        }
        auto targets = w.array("targets");
        for (const TargetReport& t : report_targets(conf)) write_target(w, conf, t, now);
    }
    return out.str();
}

// --- a plain page ---------------------------------------------------------------

void add_cell(std::string& line, std::string_view text, size_t width)
{
    line.append(text).append(text.size() < width ? width - text.size() : 1, ' ');
}

void add_target(std::string& page, const MainConf& conf, const TargetReport& t, int64_t now)
{
    Load load = load_of(conf, t);
    auto time = [](const policy::Average& a) { return a.known() ? seconds(a.value()) : std::string("-"); };
    add_cell(page, t.provider + '/' + t.model, 48);
    add_cell(page, phase_of(t.state.breaker), 10);
    add_cell(page, seconds(wait_of(t.state.breaker, now)), 10);
    add_cell(page, std::to_string(load.in_flight), 10);
    add_cell(page, time(load.speed.first_token), 12);
    add_cell(page, time(load.speed.whole), 10);
    each_outcome(t.state, [&](std::string_view name, uint64_t n) {
        page.append(name).append("=").append(std::to_string(n)).append(" ");
    });
    page.back() = '\n';
}

std::string text_status(const MainConf& conf)
{
    int64_t now = health_time();
    std::string page = "active requests: " + std::to_string(active_requests(conf)) +
                       "\nunpriced answers: " + std::to_string(unpriced_answers(conf)) + "\n\n";
    page.append(
        "TARGET                                          BREAKER   RETRY IN  IN FLIGHT FIRST TOKEN WHOLE     "
        "ATTEMPTS\n");
    for (const TargetReport& t : report_targets(conf)) add_target(page, conf, t, now);
    page.append("\nPROVIDER        KEY  STATE     READY IN\n");
    for (const ProviderConf* p : conf.providers) {
        size_t n = 1;
        for (const policy::CredentialState& key : report_credentials(conf, *p)) {
            add_cell(page, view(p->name), 16);
            add_cell(page, std::to_string(n++), 5);
            add_cell(page, state_of(key, now), 10);
            page.append(seconds(std::max<int64_t>(key.ready_ms - now, 0))).append("\n");
        }
        if (p->disabled) page.append(view(p->name)).append(" is disabled\n");
    }
    return page;
}

// People come with a browser, monitoring asks for JSON or for anything.
bool wants_page(const ngx_http_request_t* r) noexcept
{
    ngx_str_t format = {};
    auto* request = const_cast<ngx_http_request_t*>(r);
    u_char name[] = "format";
    if (ngx_http_arg(request, name, sizeof(name) - 1, &format) == NGX_OK) return view(format) == "text";
    return text::icontains(find_header(r, "accept"), "text/html");
}

}  // namespace

ngx_int_t status_handler(ngx_http_request_t* r) noexcept
{
    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) return NGX_HTTP_NOT_ALLOWED;
    return guarded(r->connection->log, [&] {
        const MainConf& conf = *main_conf(r);
        if (!add_header(r, "cache-control", "no-store")) return ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR};
        return wants_page(r) ? send_text(r, NGX_HTTP_OK, text_status(conf))
                             : send_json(r, NGX_HTTP_OK, json_status(conf));
    });
}

}  // namespace llm::ngx
