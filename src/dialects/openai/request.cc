// The client's own bytes with only those members changed that must differ.
#include "dialects/openai/adapt.hpp"
#include "dialects/openai/openai.hpp"
#include "json/writer.hpp"

namespace llm::openai {

namespace {

using chat::Param;
using json::Value;

constexpr std::string_view kAskUsage = R"({"include_usage":true})";

// Streams are always asked for their usage, for accounting; the chunk is
// withheld from clients that did not ask.
void ask_usage(const Value& root, json::Splice& splice)
{
    const Value* options = root.find("stream_options");
    if (!options) return splice.add_member(root, "stream_options", kAskUsage);
    if (options->is_null()) return splice.replace(options->raw(), std::string(kAskUsage));
    const Value* include = options->find("include_usage");
    if (!include) return splice.add_member(*options, "include_usage", "true");
    splice.replace(include->raw(), "true");
}

}  // namespace

bool adapt_params(Adapter& a)
{
    const Value& root = a.request.document.root();
    for (size_t i = 0; i < chat::kParams; i++) {
        auto p = static_cast<Param>(i);
        const Value* v = a.request.param(p);
        if (!v || !a.quirks.drops.has(p) || v->key_is(a.options.without)) continue;
        if (!a.leave_out(p)) return false;
        a.splice.remove(root, *v);
    }
    for (const dialects::Rename& rename : a.quirks.renames) {
        const Value* v = a.request.param(rename.from);
        if (!v || v->key_is(a.options.without)) continue;
        if (root.find(rename.to)) {
            a.splice.remove(root, *v);  // the client knows the vendor's name
        } else {
            a.splice.rename(*v, rename.to);
        }
    }
    const Value* stop = a.request.param(Param::stop);
    if (stop && stop->is_array() && a.quirks.max_stop > 0 && stop->size() > a.quirks.max_stop) {
        return a.refuse("stop", "it takes " + std::to_string(a.quirks.max_stop) + " at most");
    }
    return true;
}

// What clients choose targets by is the gateway's. A vendor that has targets of its
// own is told which of them, where the gateway listens to that as well; but never
// of other models: those would be none of the configuration's.
bool adapt_routing(Adapter& a)
{
    const Value& root = a.request.document.root();
    for (const Value* v : a.request.own) {
        if (!a.quirks.routes || !v->key_is("provider")) a.splice.remove(root, *v);
    }
    if (!a.quirks.routes) return true;
    for (const Value* v : a.request.unknown) {
        bool chooses = v->key_is("provider") || v->key_is("models") || v->key_is("fallbacks") || v->key_is("route");
        if (!chooses) continue;
        if (!v->is_null() && !a.drop(v->key())) return false;
        a.splice.remove(root, *v);
    }
    return true;
}

bool encode(const chat::Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
            chat::ApiError& error)
{
    const Value& root = request.document.root();
    json::Splice splice(request.document.source());
    Adapter a({request, options, out, error}, splice);
    if (request.model_name != options.model) splice.replace(request.model->raw(), json::quoted(options.model));
    if (!adapt_routing(a)) return false;
    if (!options.without.empty()) {
        if (const Value* v = root.find(options.without)) {
            out.dropped.add(options.without);
            splice.remove(root, *v);
        }
    }
    if (options.quirks != &dialects::kNoQuirks) {
        if (!adapt_params(a) || !adapt_messages(a) || !adapt_tools(a) || !adapt_format(a)) return false;
    }
    bool may_ask = a.quirks.stream_options && options.without != "stream_options";
    if (request.stream && !request.include_usage && may_ask) ask_usage(root, splice);
    splice.apply(out.body);
    return true;
}

}  // namespace llm::openai
