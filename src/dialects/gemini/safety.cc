// The operator's safety settings (wire format: gemini, section 10).
#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"
#include "dialects/gemini/encoder.hpp"

namespace llm::gemini {

namespace {

constexpr std::string_view kPrefix = "HARM_CATEGORY_";

constexpr std::array<std::string_view, 5> kCategories = {
    "HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY",
};
constexpr std::array<std::string_view, 5> kThresholds = {
    "BLOCK_NONE", "OFF", "BLOCK_ONLY_HIGH", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_LOW_AND_ABOVE",
};

template <size_t N>
std::string_view known(const std::array<std::string_view, N>& names, std::string_view name) noexcept
{
    for (std::string_view n : names) {
        if (text::iequals(n, name)) return n;
    }
    return {};
}

template <size_t N>
std::string list(const std::array<std::string_view, N>& names)
{
    std::string out;
    for (std::string_view n : names) out.append(out.empty() ? "" : ", ").append(n);
    return out;
}

bool is_separator(char c) noexcept
{
    return text::is_space(c) || c == ',' || c == ';';
}

// Calls visit(category, threshold) for each up to the first that is none; then it
// returns false.
template <class Visit>
bool for_each_setting(std::string_view rest, Visit visit)
{
    while (!rest.empty()) {
        size_t n = 0;
        while (n < rest.size() && !is_separator(rest[n])) n++;
        std::string_view word = rest.substr(0, n);
        rest.remove_prefix(n == 0 ? 1 : n);
        if (n == 0) continue;

        size_t equals = std::min(word.find('='), word.size());
        std::string_view name = word.substr(0, equals);
        if (text::iequals(name.substr(0, kPrefix.size()), kPrefix)) name.remove_prefix(kPrefix.size());
        std::string_view category = known(kCategories, name);
        std::string_view threshold = known(kThresholds, word.substr(std::min(equals + 1, word.size())));
        if (category.empty() || threshold.empty()) return false;
        visit(category, threshold);
    }
    return true;
}

}  // namespace

std::string check_safety(std::string_view text)
{
    bool good = for_each_setting(text, [](std::string_view, std::string_view) {});
    if (good) return {};
    return "it is made of CATEGORY=THRESHOLD with the categories " + list(kCategories) + " and the thresholds " +
           list(kThresholds);
}

bool write_safety(Encoder& e)
{
    if (std::string why = check_safety(e.options.safety); !why.empty()) return e.refuse("safety", why);
    auto settings = e.w.array("safetySettings");
    for_each_setting(e.options.safety, [&](std::string_view category, std::string_view threshold) {
        auto one = e.w.object();
        e.w.string_member("category", std::string(kPrefix).append(category));
        e.w.string_member("threshold", threshold);
    });
    return true;
}

}  // namespace llm::gemini
