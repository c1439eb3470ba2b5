#include "policy/model_names.hpp"

#include <array>

#include "base/text.hpp"

namespace llm::policy {

namespace {

// Where a provider's type is not what price files say.
struct Prefix {
    std::string_view type, prefix;
};
constexpr std::array kPrefixes = {
    Prefix{"vertex", "vertex_ai"},           Prefix{"together", "together_ai"},
    Prefix{"fireworks", "fireworks_ai"},     Prefix{"qwen", "dashscope"},
    Prefix{"nvidia", "nvidia_nim"},          Prefix{"gemini_openai", "gemini"},
    Prefix{"anthropic_openai", "anthropic"},
};

// Regions in front of Bedrock's names.
constexpr std::array kRegions = {"us.", "eu.", "apac.", "jp.", "au.", "ca.", "sa.", "us-gov.", "global."};

bool all_digits(std::string_view s) noexcept
{
    for (char c : s) {
        if (!text::is_digit(c)) return false;
    }
    return true;
}

// A year of this or the last century, so that a size is no date.
bool is_year(std::string_view s) noexcept
{
    return s.starts_with("19") || s.starts_with("20");
}

bool is_date(std::string_view s) noexcept
{
    if (!is_year(s)) return false;
    if (s.size() == 8) return all_digits(s);
    return s.size() == 10 && s[4] == '-' && s[7] == '-' && all_digits(s.substr(0, 4)) && all_digits(s.substr(5, 2)) &&
           all_digits(s.substr(8));
}

// Without "-v1:0" or ":0" at its end.
std::string_view without_version(std::string_view s) noexcept
{
    size_t colon = s.rfind(':');
    if (colon == s.npos || colon + 1 == s.size() || !all_digits(s.substr(colon + 1))) return s;
    s = s.substr(0, colon);
    size_t v = s.rfind("-v");
    return v != s.npos && v + 2 < s.size() && all_digits(s.substr(v + 2)) ? s.substr(0, v) : s;
}

}  // namespace

std::string_view without_date(std::string_view name) noexcept
{
    constexpr std::string_view kLatest = "-latest";
    if (name.ends_with(kLatest)) return name.substr(0, name.size() - kLatest.size());
    for (size_t length : {size_t{8}, size_t{10}}) {
        if (name.size() < length + 2) continue;
        size_t at = name.size() - length;
        if ((name[at - 1] == '-' || name[at - 1] == '@') && is_date(name.substr(at))) return name.substr(0, at - 1);
    }
    return name;
}

std::string_view price_prefix(std::string_view type) noexcept
{
    for (const Prefix& p : kPrefixes) {
        if (p.type == type) return p.prefix;
    }
    return type;
}

bool Spellings::next()
{
    while (step_ != Step::none) {
        Step step = step_;
        step_ = static_cast<Step>(static_cast<uint8_t>(step_) + 1);
        if (take(step)) return true;
    }
    return false;
}

// Whether it made a difference.
bool Spellings::take(Step step)
{
    size_t before = name_.size();
    switch (step) {
        case Step::path: {  // "models/NAME", "publishers/google/models/NAME"
            constexpr std::string_view kModels = "models/";
            size_t at = name_.rfind(kModels);
            if (at != name_.npos) name_.erase(0, at + kModels.size());
            break;
        }
        case Step::tuned: {  // "ft:gpt-4o-2024-08-06:org::id"
            size_t end = name_.starts_with("ft:") ? name_.find(':', 3) : name_.npos;
            if (end != name_.npos) name_.erase(end);
            break;
        }
        case Step::version: {  // "NAME@20250929"
            size_t at = name_.rfind('@');
            if (at == name_.npos) break;
            name_[at] = '-';
            return true;
        }
        case Step::vendor_path:  // "openai/NAME"
            name_.erase(0, name_.rfind('/') + 1);
            break;
        case Step::region:
            for (std::string_view region : kRegions) {
                if (!name_.starts_with(region)) continue;
                name_.erase(0, region.size());
                break;
            }
            break;
        case Step::vendor: {  // "anthropic.NAME-v1:0"
            std::string_view plain = without_version(name_);
            size_t dot = plain.find('.');
            bool vendor = dot != plain.npos && dot > 0 && dot + 1 < plain.size() && text::is_alpha(plain[dot + 1]);
            for (size_t i = 0; vendor && i < dot; i++) vendor = text::is_alpha(plain[i]);
            name_ = std::string(vendor ? plain.substr(dot + 1) : plain);
            break;
        }
        case Step::date:
            name_.erase(without_date(name_).size());
            break;
        case Step::none:
            break;
    }
    return name_.size() != before;
}

}  // namespace llm::policy
