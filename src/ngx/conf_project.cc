// llm_project { }
#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "ngx/conf.hpp"
#include "ngx/zone.hpp"

namespace llm::ngx {

namespace {

char* error() noexcept
{
    return static_cast<char*>(NGX_CONF_ERROR);
}

constexpr std::string_view kSha256 = "sha256:";

bool is_name(std::string_view s) noexcept
{
    if (s.empty() || s.size() > Zone::kMaxName) return false;
    return std::all_of(s.begin(), s.end(), [](char c) {
        return text::is_alpha(c) || text::is_digit(c) || c == '-' || c == '_' || c == '.' || c == '@';
    });
}

int hex_digit(char c) noexcept
{
    if (text::is_digit(c)) return c - '0';
    char lower = text::to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool read_digest(std::string_view hex, u_char (&out)[32]) noexcept
{
    if (hex.size() != 2 * sizeof(out)) return false;
    for (size_t i = 0; i < sizeof(out); i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = static_cast<u_char>(high << 4 | low);
    }
    return true;
}

}  // namespace

char* set_project(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    auto& main = *static_cast<MainConf*>(conf);
    ngx_str_t name = static_cast<ngx_str_t*>(cf->args->elts)[1];
    if (!is_name(view(name))) return const_cast<char*>("needs a name of 1 to 63 letters, digits and \"-_.@\"");
    if (ProjectConf* other = main.project(view(name))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate llm_project \"%V\", the first one is in %V:%ui", &name,
                           &other->place.file, other->place.line);
        return error();
    }
    auto* project = make_in_pool<ProjectConf>(cf->pool);
    if (!project) return error();
    project->name = name;
    project->place = Place::of(cf);
    main.projects.push_back(project);
    if (char* rv = parse_block(cf, kProjectBlock, project); rv != NGX_CONF_OK) return rv;
    if (project->keys.empty()) return conf_error(cf, project->place, "llm_project \"%V\" has no \"key\"", &name);
    return NGX_CONF_OK;
}

// key sha256:HEX [id=NAME]
char* set_client_key(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    auto& project = *static_cast<ProjectConf*>(conf);
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    std::string_view text = view(args[1]);
    if (!text.starts_with(kSha256)) {
        return const_cast<char*>(
            "takes a client key as \"sha256:HEX\" only, never the key itself; the hash is made by: "
            "printf %s KEY | sha256sum");
    }
    KeyConf key;
    key.place = Place::of(cf);
    if (!read_digest(text.substr(kSha256.size()), key.digest)) {
        return const_cast<char*>("needs 64 hexadecimal digits behind \"sha256:\"");
    }

    if (cf->args->nelts == 3) {
        std::string_view option = view(args[2]);
        if (!option.starts_with("id=") || !is_name(option.substr(3))) {
            return const_cast<char*>(
                "takes nothing but \"id=NAME\" behind the hash (1 to 63 letters, digits and \"-_.@\")");
        }
        key.id = borrow(option.substr(3));
    } else {
        // A name for logs that says which key it was and nothing about it.
        key.id = copy_to(cf->pool, std::string(text.substr(kSha256.size(), 8)));
        if (!key.id.data) return error();
    }
    project.keys.push_back(key);
    return NGX_CONF_OK;
}

char* set_project_models(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    auto& project = *static_cast<ProjectConf*>(conf);
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        ModelPattern pattern;
        if (!read_pattern(cf, args[i], pattern)) return error();
        project.models.push_back(pattern);
    }
    return NGX_CONF_OK;
}

ngx_int_t finish_projects(ngx_conf_t* cf, MainConf& conf)
{
    std::map<std::string_view, const KeyConf*> digests, ids;
    for (ProjectConf* project : conf.projects) {
        for (const KeyConf& key : project->keys) {
            std::string_view digest(reinterpret_cast<const char*>(key.digest), sizeof(key.digest));
            auto [same_digest, new_digest] = digests.try_emplace(digest, &key);
            auto [same_id, new_id] = ids.try_emplace(view(key.id), &key);
            if (new_digest && new_id) continue;
            const KeyConf* other = new_digest ? same_id->second : same_digest->second;
            conf_error(cf, key.place, "duplicate %s of client key \"%V\", the first one is in %V:%ui",
                       new_digest ? "id" : "hash", &key.id, &other->place.file, other->place.line);
            return NGX_ERROR;
        }
        // A name that no model has is a mistake; patterns may be ahead of their models.
        for (const ModelPattern& p : project->models) {
            if (p.regex || p.pattern.prefix) continue;
            bool known = std::any_of(conf.models.begin(), conf.models.end(), [&](const ModelConf* m) {
                return std::any_of(m->patterns.begin(), m->patterns.end(),
                                   [&](const ModelPattern& mp) { return mp.regex || mp.pattern.matches(p.text); });
            });
            if (known || p.text.find('/') != p.text.npos) continue;
            ngx_str_t model = borrow(p.text);
            conf_error(cf, p.place, "llm_project \"%V\" allows the model \"%V\", but there is no such llm_model",
                       &project->name, &model);
            return NGX_ERROR;
        }
    }
    if (!conf.projects.empty() && !conf.zone) {
        conf_error(cf, conf.projects[0]->place, "llm_project needs \"llm_zone\", which holds its keys");
        return NGX_ERROR;
    }
    return NGX_OK;
}

}  // namespace llm::ngx
