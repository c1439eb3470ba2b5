// llm_model { } and the patterns names are matched with.
#include <algorithm>

#include "base/text.hpp"
#include "ngx/conf.hpp"
#include "policy/plan.hpp"

namespace llm::ngx {

namespace {

constexpr size_t kMaxName = 256;

char* error() noexcept
{
    return static_cast<char*>(NGX_CONF_ERROR);
}

bool is_model_name(std::string_view s) noexcept
{
    return text::is_token(s, kMaxName);
}

const ModelPattern* find_pattern(const MainConf& conf, std::string_view text, const ModelConf*& owner)
{
    for (const ModelConf* model : conf.models) {
        for (const ModelPattern& p : model->patterns) {
            if (p.text != text) continue;
            owner = model;
            return &p;
        }
    }
    return nullptr;
}

bool compile_regex(ngx_conf_t* cf, std::string_view text, ModelPattern& out)
{
#if (NGX_PCRE)
    bool any_case = text.starts_with("~*");
    ngx_str_t pattern = copy_to(cf->pool, text.substr(any_case ? 2 : 1));
    if (!pattern.data) return false;
    u_char message[NGX_MAX_CONF_ERRSTR];
    ngx_regex_compile_t rc;
    ngx_memzero(&rc, sizeof(rc));
    rc.pattern = pattern;
    rc.options = any_case ? NGX_REGEX_CASELESS : 0;
    rc.err.len = sizeof(message);
    rc.err.data = message;
    out.regex = ngx_http_regex_compile(cf, &rc);
    return out.regex != nullptr;
#else
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "using regex needs PCRE library");
    return false;
#endif
}

}  // namespace

ngx_http_complex_value_t* compile_value(ngx_conf_t* cf, std::string_view text)
{
    auto* value = static_cast<ngx_http_complex_value_t*>(ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)));
    ngx_str_t source = borrow(text);
    ngx_http_compile_complex_value_t ccv;
    ngx_memzero(&ccv, sizeof(ccv));
    ccv.cf = cf;
    ccv.value = &source;
    ccv.complex_value = value;
    return value && ngx_http_compile_complex_value(&ccv) == NGX_OK ? value : nullptr;
}

bool read_pattern(ngx_conf_t* cf, const ngx_str_t& text, ModelPattern& out)
{
    out.place = Place::of(cf);
    out.text = view(text);
    if (out.text == "~" || out.text == "~*") {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "bad model pattern \"%V\": no regular expression behind \"~\"", &text);
        return false;
    }
    if (out.text.starts_with('~')) return compile_regex(cf, out.text, out);
    out.pattern = policy::Pattern::parse(out.text);
    std::string_view name = out.pattern.text;
    // "*" alone matches everything.
    bool good = (out.pattern.prefix && name.empty()) || is_model_name(name);
    if (good && name.find('*') == name.npos) return true;
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "bad model pattern \"%V\": a name is 1 to 256 printable characters, \"*\" may only be its last, "
                       "and \"~\" begins a regular expression",
                       &text);
    return false;
}

char* set_model(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    auto& main = *static_cast<MainConf*>(conf);
    auto* model = make_in_pool<ModelConf>(cf->pool);
    if (!model) return error();
    model->place = Place::of(cf);
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        ModelPattern pattern;
        if (!read_pattern(cf, args[i], pattern)) return error();
        const ModelConf* other = model;
        bool here = std::any_of(model->patterns.begin(), model->patterns.end(),
                                [&](const ModelPattern& p) { return p.text == pattern.text; });
        if (here || find_pattern(main, pattern.text, other)) {
            Place place = other->place;
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate llm_model \"%V\", the first one is in %V:%ui", &args[i],
                               &place.file, place.line);
            return error();
        }
        model->patterns.push_back(pattern);
    }
    main.models.push_back(model);

    if (char* rv = parse_block(cf, kModelBlock, model); rv != NGX_CONF_OK) return rv;
    ngx_conf_init_uint_value(model->validate, kLogFlaws);
    bool some = std::any_of(model->targets.begin(), model->targets.end(), [](const TargetConf& t) {
        return !t.rules.reasons || (t.rules.reasons & policy::kAnyError);
    });
    if (!some) {
        ngx_str_t first = borrow(model->patterns[0].text);
        return conf_error(cf, model->place, "llm_model \"%V\" has no \"target\"", &first);
    }
    // Fallbacks come last, wherever they were written.
    std::stable_partition(model->targets.begin(), model->targets.end(),
                          [](const TargetConf& t) { return !t.fallback; });
    return NGX_CONF_OK;
}

namespace {

// PROVIDER[/MODEL] [PARAMETER=VALUE ...]
char* read_target(ngx_conf_t* cf, TargetConf& target)
{
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    target.place = Place::of(cf);
    std::string_view text = view(args[1]);
    size_t slash = text.find('/');
    target.provider_name = text.substr(0, slash);
    if (slash != text.npos) {
        ngx_str_t name = borrow(text.substr(slash + 1));
        if (name.len == 0) return const_cast<char*>("has an empty model name behind \"/\"");
        target.model = compile_value(cf, view(name));
        if (!target.model) return error();
        if (!target.model->lengths && !is_model_name(view(name))) return const_cast<char*>("has an invalid model name");
    }
    return read_target_rules(cf, 2, target.rules);
}

// For models without a fallback of their own.
void add_default_fallbacks(const MainConf& conf, ModelConf& model)
{
    bool own = std::any_of(model.targets.begin(), model.targets.end(), [](const TargetConf& t) { return t.fallback; });
    if (!own) model.targets.insert(model.targets.end(), conf.fallbacks.begin(), conf.fallbacks.end());
}

}  // namespace

// target | fallback
char* set_target(ngx_conf_t* cf, ngx_command_t* cmd, void* conf)
{
    auto& model = *static_cast<ModelConf*>(conf);
    TargetConf target;
    target.fallback = view(cmd->name) == "fallback";
    if (char* rv = read_target(cf, target); rv != NGX_CONF_OK) return rv;
    if (target.rules.reasons && !target.fallback) return const_cast<char*>("has \"on=\", which is for a \"fallback\"");
    model.targets.push_back(target);
    return NGX_CONF_OK;
}

// llm_fallback
char* set_default_fallback(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    TargetConf target;
    target.fallback = true;
    if (char* rv = read_target(cf, target); rv != NGX_CONF_OK) return rv;
    static_cast<MainConf*>(conf)->fallbacks.push_back(target);
    return NGX_CONF_OK;
}

bool ModelConf::available() const noexcept
{
    return std::any_of(targets.begin(), targets.end(), [](const TargetConf& t) { return !t.disabled(); });
}

namespace {

// The numbers of the keys that a target names.
bool find_keys(ngx_conf_t* cf, const ModelConf& model, TargetConf& target)
{
    const ProviderConf& p = *target.provider;
    if (target.rules.keys.empty()) return true;
    target.keys = 0;
    for (std::string_view id : target.rules.keys) {
        auto at = std::find(p.key_ids.begin(), p.key_ids.end(), id);
        if (at != p.key_ids.end()) {
            target.keys |= KeySet{1} << (at - p.key_ids.begin());
        } else if (std::find(p.absent_ids.begin(), p.absent_ids.end(), id) == p.absent_ids.end()) {
            ngx_str_t name = borrow(id);
            ngx_str_t of = borrow(model.patterns[0].text);
            conf_error(cf, target.place, "llm_provider \"%V\" has no key with \"id=%V\", named in llm_model \"%V\"",
                       &p.name, &name, &of);
            return false;
        }
    }
    return true;
}

}  // namespace

ngx_int_t finish_models(ngx_conf_t* cf, MainConf& conf)
{
    for (ModelConf* model : conf.models) {
        add_default_fallbacks(conf, *model);
        for (TargetConf& target : model->targets) {
            target.provider = conf.provider(target.provider_name);
            conf.priced = conf.priced || !target.rules.prices.empty();
            if (target.provider && find_keys(cf, *model, target)) continue;
            if (target.provider) return NGX_ERROR;
            ngx_str_t provider = borrow(target.provider_name);
            ngx_str_t name = borrow(model->patterns[0].text);
            conf_error(cf, target.place, "unknown llm_provider \"%V\" in \"%s\" of llm_model \"%V\"", &provider,
                       target.fallback ? "fallback" : "target", &name);
            return NGX_ERROR;
        }
        if (finish_route(cf, conf, *model) != NGX_OK) return NGX_ERROR;
        auto enabled = static_cast<unsigned>(std::count_if(model->targets.begin(), model->targets.end(),
                                                           [](const TargetConf& t) { return !t.disabled(); }));
        if (enabled <= model->plan.max_attempts) continue;
        ngx_str_t name = borrow(model->patterns[0].text);
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "llm_model \"%V\" has %ui targets, but a request makes at most %ui attempts in %V:%ui", &name,
                      static_cast<ngx_uint_t>(enabled), static_cast<ngx_uint_t>(model->plan.max_attempts),
                      &model->place.file, model->place.line);
    }
    return NGX_OK;
}

}  // namespace llm::ngx
