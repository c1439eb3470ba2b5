#include "policy/needs.hpp"

#include <algorithm>

namespace llm::policy {

namespace {

using chat::Block;
using chat::BlockKind;
using chat::Need;
using chat::Needs;

Needs needs_of(std::span<const Block> blocks) noexcept
{
    Needs needs;
    for (const Block& b : blocks) {
        if (b.kind == BlockKind::image) needs |= Need::images;
        if (b.kind == BlockKind::audio) needs |= Need::audio;
        if (b.kind == BlockKind::file) needs |= Need::files;
        needs |= needs_of(b.content);
    }
    return needs;
}

bool wants_audio_back(const chat::Request& request) noexcept
{
    if (request.param(chat::Param::audio)) return true;
    const json::Value* modalities = request.param(chat::Param::modalities);
    if (!modalities) return false;
    for (const json::Value& v : *modalities) {
        if (v.is("audio")) return true;
    }
    return false;
}

std::string names_of(Needs needs)
{
    std::string out;
    for (size_t i = 0; i < chat::kNeeds; i++) {
        if (!needs.has(static_cast<Need>(i))) continue;
        if (!out.empty()) out += ", ";
        out += chat::kNeedNames[i].name;
    }
    return out;
}

std::string_view param_of(Needs needs) noexcept
{
    for (size_t i = 0; i < chat::kNeeds; i++) {
        if (needs.has(static_cast<Need>(i))) return chat::kNeedNames[i].param;
    }
    return {};
}

}  // namespace

Needs needs_of(const chat::Request& request) noexcept
{
    Needs needs;
    for (const chat::Message& m : request.messages) needs |= needs_of(m.blocks);
    if (!request.tools.empty() || request.param(chat::Param::functions)) needs |= Need::tools;
    if (request.output.kind == chat::OutputFormat::Kind::json_schema) needs |= Need::json_schema;
    if (wants_audio_back(request)) needs |= Need::audio_output;
    return needs;
}

bool meets(const Offer& offer, const Demand& demand) noexcept
{
    return (demand.needs & offer.lacks).empty() && (offer.max_input == 0 || demand.input <= offer.max_input);
}

chat::ApiError unmet(std::span<const Offer> offers, const Demand& demand, std::string_view model)
{
    using chat::ErrorClass;
    std::string target = "No target of the model '" + std::string(model) + "' ";
    Needs nobody = demand.needs;
    int64_t widest = 0;
    for (const Offer& offer : offers) {
        nobody = nobody & offer.lacks;
        bool able = (demand.needs & offer.lacks).empty();
        if (able) widest = std::max(widest, offer.max_input);
    }
    if (!nobody.empty()) {
        return make_error(ErrorClass::unsupported, target + "can do what the request needs: " + names_of(nobody) + '.',
                          param_of(nobody));
    }
    if (widest == 0) {
        return make_error(ErrorClass::unsupported,
                          target + "can do at once all that the request needs: " + names_of(demand.needs) + '.',
                          param_of(demand.needs));
    }
    return make_error(ErrorClass::context_length,
                      "The request has about " + std::to_string(demand.input) + " tokens; " +
                          "a target of the model '" + std::string(model) + "' takes " + std::to_string(widest) +
                          " at most.",
                      "messages");
}

bool parse_needs(std::string_view list, Needs& out) noexcept
{
    for (;;) {
        size_t comma = list.find(',');
        std::string_view name = list.substr(0, comma);
        auto known = std::find_if(chat::kNeedNames.begin(), chat::kNeedNames.end(),
                                  [&](const chat::NeedName& n) { return n.name == name; });
        if (known == chat::kNeedNames.end()) return false;
        out |= static_cast<Need>(known - chat::kNeedNames.begin());
        if (comma == list.npos) return true;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace llm::policy
