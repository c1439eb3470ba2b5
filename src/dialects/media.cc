#include "dialects/media.hpp"

#include "base/text.hpp"
#include "json/document.hpp"

namespace llm::dialects {

using json::Value;

bool is_data_url(std::string_view url) noexcept
{
    return text::iequals(url.substr(0, 5), "data:");
}

DataUrl split_data_url(std::string_view url) noexcept
{
    constexpr std::string_view kScheme = "data:";
    constexpr std::string_view kBase64 = ";base64";
    size_t comma = url.find(',');
    if (!is_data_url(url) || comma == url.npos) return {};
    std::string_view head = url.substr(kScheme.size(), comma - kScheme.size());
    if (!head.ends_with(kBase64)) return {};
    head.remove_suffix(kBase64.size());
    return {head.substr(0, head.find(';')), url.substr(comma + 1), true};
}

DataUrl guess_media(std::string_view data, const Value* name)
{
    constexpr std::string_view kPdf = "JVBERi0";  // %PDF-
    std::string file = name ? name->text() : std::string();
    auto named = [&](std::string_view end) {
        return file.size() >= end.size() && text::iequals(std::string_view(file).substr(file.size() - end.size()), end);
    };
    if (data.starts_with(kPdf) || named(".pdf")) return {"application/pdf", data, true};
    if (named(".txt") || named(".md")) return {"text/plain", data, true};
    return {};
}

std::string_view plain(const Value& v, std::string& store)
{
    if (!v.escaped()) return v.body();
    store = v.text();
    return store;
}

void write_arguments(json::Writer& w, const Value& arguments)
{
    std::string text = arguments.text();
    std::string_view input = text::trim(text);
    if (input.empty()) return w.raw("{}");
    json::Document doc;
    if (doc.parse(input, json::Mode::liberal).ok() && doc.root().is_object()) return w.copy(doc.source());
    auto wrapped = w.object();
    w.member("raw_arguments", arguments);
}

}  // namespace llm::dialects
