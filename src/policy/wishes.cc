#include "policy/wishes.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "chat/money.hpp"

namespace llm::policy {

namespace {

using chat::ApiError;
using chat::ErrorClass;
using json::Value;

bool bad(ApiError& error, const std::string& param, std::string_view what)
{
    error = make_error(ErrorClass::bad_request, "Invalid '" + param + "': " + std::string(what) + '.', param);
    error.code = "invalid_value";
    return false;
}

// Nobody here could keep the promise.
bool cannot_honour(ApiError& error, std::string_view param)
{
    error = make_error(ErrorClass::unsupported, "The gateway cannot honour '" + std::string(param) + "'.", param);
    return false;
}

std::string element(std::string_view list, size_t i)
{
    return std::string(list) + '[' + std::to_string(i) + ']';
}

bool is_model(std::string_view name) noexcept
{
    constexpr size_t kMaxName = 256;
    return text::is_token(name, kMaxName);
}

void add_new(std::vector<std::string>& list, std::string name)
{
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(std::move(name));
}

class Reader {
public:
    Reader(Wishes& out, ApiError& error) noexcept : out_(out), error_(error) {}

    bool read(const Value& v)
    {
        if (v.key_is("models")) return take(v) && read_models(v, "models");
        if (v.key_is("fallbacks")) return take(v) && read_models(v, "fallbacks");
        if (v.key_is("provider")) return take(v) && read_provider(v);
        // Another word for having models: OpenRouter knows no other route.
        if (v.key_is("route"))
            return take(v) && (v.is_null() || v.is("fallback") || bad(error_, "route", "it is \"fallback\" or null"));
        return true;
    }

private:
    bool take(const Value& v)
    {
        out_.members.push_back(&v);
        return true;
    }

    // Names, or, as LiteLLM has them, objects that may say more.
    bool read_models(const Value& v, std::string_view name)
    {
        if (v.is_null()) return true;
        if (!v.is_array() || v.size() > Wishes::kMax)
            return bad(error_, std::string(name), "it is an array of at most 16 models");
        size_t i = 0;
        for (const Value& item : v) {
            std::string param = element(name, i++);
            const Value* model = item.is_object() ? item.get("model") : &item;
            if (item.is_object() && item.size() != 1) return cannot_honour(error_, param + ".*");
            if (!model || !model->is_string() || !is_model(model->text()))
                return bad(error_, param, "it is no model's name");
            add_new(out_.models, model->text());
        }
        return true;
    }

    bool read_provider(const Value& v)
    {
        if (v.is_null()) return true;
        if (!v.is_object()) return bad(error_, "provider", "it is an object");
        for (const Value& member : v) {
            if (!member.is_null() && !read_preference(member)) return false;
        }
        return true;
    }

    bool read_preference(const Value& v)
    {
        if (v.key_is("order")) return read_names(v, "provider.order", out_.order);
        if (v.key_is("only")) return read_names(v, "provider.only", out_.only);
        if (v.key_is("ignore")) return read_names(v, "provider.ignore", out_.ignore);
        if (v.key_is("allow_fallbacks")) return read_flag(v, "provider.allow_fallbacks", out_.allow_fallbacks);
        if (v.key_is("require_parameters")) return read_flag(v, "provider.require_parameters", out_.require_parameters);
        if (v.key_is("sort")) return read_sort(v.is_object() ? v.get("by") : &v);
        if (v.key_is("max_price")) return read_max_price(v);
        if (v.key_is("data_collection")) return v.is("allow") || cannot_honour(error_, "provider.data_collection");
        if (v.key_is("zdr")) return !v.is_true() || cannot_honour(error_, "provider.zdr");
        if (v.key_is("quantizations")) return cannot_honour(error_, "provider.quantizations");
        return true;  // a preference, no promise
    }

    bool read_names(const Value& v, std::string_view name, std::vector<std::string>& to)
    {
        if (!v.is_array() || v.size() > Wishes::kMax)
            return bad(error_, std::string(name), "it is an array of at most 16 providers");
        size_t i = 0;
        for (const Value& item : v) {
            std::string param = element(name, i++);
            if (!item.is_string() || item.body().empty()) return bad(error_, param, "it is no provider's name");
            add_new(to, item.text());
        }
        return true;
    }

    bool read_flag(const Value& v, std::string_view name, bool& to)
    {
        to = v.is_true();
        return v.is_bool() || bad(error_, std::string(name), "it is true or false");
    }

    bool read_sort(const Value* v)
    {
        struct Name {
            std::string_view name;
            Sort sort;
        };
        constexpr std::array kNames = {Name{"price", Sort::price}, Name{"throughput", Sort::throughput},
                                       Name{"latency", Sort::latency}};
        if (!v) return true;
        for (const Name& n : kNames) {
            if (!v->is(n.name)) continue;
            out_.sort = n.sort;
            return true;
        }
        return bad(error_, "provider.sort", "it is \"price\", \"throughput\" or \"latency\"");
    }

    // In dollars a million tokens; OpenRouter's examples have numbers and texts.
    bool read_max_price(const Value& v)
    {
        constexpr int kMillion = -6;
        if (!v.is_object()) return bad(error_, "provider.max_price", "it is an object");
        for (const Value& member : v) {
            if (member.is_null()) continue;
            bool prompt = member.key_is("prompt");
            if (!prompt && !member.key_is("completion")) return cannot_honour(error_, "provider.max_price.*");
            std::string_view number = member.is_string() ? member.body() : member.raw();
            std::optional<int64_t> picos = chat::parse_price(number, kMillion);
            if (!picos) return bad(error_, "provider.max_price", "it has dollars for a million tokens");
            (prompt ? out_.max_prompt_price : out_.max_completion_price) = picos;
        }
        return true;
    }

    Wishes& out_;
    ApiError& error_;
};

// "deepinfra/turbo" is a provider and a variant of it that only OpenRouter knows.
bool is_named(std::string_view wish, const Named& target) noexcept
{
    std::string_view name = wish.substr(0, wish.find('/'));
    return text::iequals(wish, target.provider) || text::iequals(name, target.provider) ||
           text::iequals(name, target.type);
}

bool any_is(const std::vector<std::string>& list, const Named& target) noexcept
{
    return std::any_of(list.begin(), list.end(), [&](const std::string& wish) { return is_named(wish, target); });
}

}  // namespace

bool read_wishes(const chat::RequestBody& body, Wishes& out, ApiError& error)
{
    Reader reader(out, error);
    for (const Value* v : body.unknown) {
        if (!reader.read(*v)) return false;
    }
    return true;
}

bool read_list(std::string_view list, std::vector<std::string>& out)
{
    for (;;) {
        size_t comma = list.find(',');
        std::string_view name = text::trim(list.substr(0, comma));
        if (!name.empty()) add_new(out, std::string(name));
        if (out.size() > Wishes::kMax) return false;
        if (comma == list.npos) return true;
        list.remove_prefix(comma + 1);
    }
}

Sort cut_suffix(std::string_view& model) noexcept
{
    struct Suffix {
        std::string_view text;
        Sort sort;
    };
    constexpr std::array kSuffixes = {Suffix{":floor", Sort::price}, Suffix{":nitro", Sort::throughput}};
    for (const Suffix& s : kSuffixes) {
        if (model.size() <= s.text.size() || !model.ends_with(s.text)) continue;
        model.remove_suffix(s.text.size());
        return s.sort;
    }
    return Sort::none;
}

bool wants(const Wishes& wishes, const Named& target) noexcept
{
    if (target.routes && !wishes.by_header) return true;
    return (wishes.only.empty() || any_is(wishes.only, target)) && !any_is(wishes.ignore, target);
}

size_t place_in_order(const Wishes& wishes, const Named& target) noexcept
{
    auto found = std::find_if(wishes.order.begin(), wishes.order.end(),
                              [&](const std::string& wish) { return is_named(wish, target); });
    return static_cast<size_t>(found - wishes.order.begin());
}

bool matches_tags(const Wishes& wishes, std::span<const std::string_view> tags) noexcept
{
    return std::any_of(tags.begin(), tags.end(), [&](std::string_view tag) {
        return std::find(wishes.tags.begin(), wishes.tags.end(), tag) != wishes.tags.end();
    });
}

bool fits_tags(const Wishes& wishes, std::span<const std::string_view> tags, bool matched) noexcept
{
    if (matched) return matches_tags(wishes, tags);
    return tags.empty() || std::find(tags.begin(), tags.end(), "default") != tags.end();
}

}  // namespace llm::policy
