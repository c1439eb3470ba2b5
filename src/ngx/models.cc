// The models a caller may use, in OpenAI's list form.
#include "json/writer.hpp"
#include "ngx/handler.hpp"
#include "ngx/respond.hpp"
#include "ngx/route.hpp"

namespace llm::ngx {

namespace {

using json::Writer;

// The provider that serves it first, unless providers are not to be named.
std::string_view owner(const LocConf& conf, const Route& route) noexcept
{
    if (!conf.headers) return "gateway";
    if (route.direct) return view(route.direct->name);
    for (const TargetConf& t : route.model->targets) {
        if (!t.disabled()) return view(t.provider->name);
    }
    return "gateway";
}

void write_model(Writer& w, const MainConf& main, const LocConf& conf, std::string_view id, const Route& route)
{
    auto object = w.object();
    w.string_member("id", id);
    w.string_member("object", "model");
    w.member("created", static_cast<uint64_t>(main.loaded));
    w.string_member("owned_by", owner(conf, route));
}

ngx_int_t send_list(ngx_http_request_t* r, const Caller& caller)
{
    const MainConf& main = *main_conf(r);
    Rope out;
    Writer w(out);
    {
        auto body = w.object();
        w.string_member("object", "list");
        auto data = w.array("data");
        for (const ModelConf* model : main.models) {
            if (!model->available()) continue;
            for (const ModelPattern& p : model->patterns) {
                bool is_name = !p.regex && !p.pattern.prefix;
                if (is_name && is_allowed(r, caller, p.text))
                    write_model(w, main, *loc_conf(r), p.text, Route{.model = model});
            }
        }
    }
    return send_json(r, NGX_HTTP_OK, out.str());
}

}  // namespace

ngx_int_t send_models(ngx_http_request_t* r, std::string_view id)
{
    const Caller& caller = get_context(r)->caller;
    if (id.empty()) return send_list(r, caller);

    Route route = find_route(r, id);
    bool there = route.model ? route.model->available() : route.direct && !route.direct->disabled;
    if (!there || !is_allowed(r, caller, id)) {
        return send_error(r, make_error(chat::ErrorClass::model_not_found,
                                        "The model '" + std::string(id) + "' does not exist.", "model"));
    }
    Rope out;
    Writer w(out);
    write_model(w, *main_conf(r), *loc_conf(r), id, route);
    return send_json(r, NGX_HTTP_OK, out.str());
}

}  // namespace llm::ngx
