// Requests of clients, and what each dialect makes of them.
#include <array>

#include "exchange.hpp"
#include "fuzz.hpp"
#include "guard.hpp"
#include "json/document.hpp"
#include "policy/needs.hpp"
#include "policy/tokens.hpp"
#include "policy/wishes.hpp"

using namespace llm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    constexpr std::string_view kModels[] = {"", "gpt-4o", "claude-sonnet-4-5", "claude-opus-5", "claude-3-5-haiku"};
    fuzz::Input in = fuzz::split(data, size);
    test::Guarded body(in.text);
    chat::Request request;
    chat::ApiError error;
    if (!completions::read_request(body.view(), {}, request, error)) {
        fuzz::demand(error.set() && error.status() >= 400 && error.status() < 500);
        return 0;
    }
    policy::Tokens tokens = policy::estimate(request);
    fuzz::demand(tokens.input > 0 && tokens.output >= 0);
    policy::needs_of(request);
    policy::Wishes wishes;
    chat::ApiError wish;
    bool heard = policy::read_wishes(request, wishes, wish);
    fuzz::demand(heard || (wish.set() && wish.status() == 400));
    if (heard && in.steer & 0x40) request.own = wishes.members;
    const providers::Provider& any = providers::all()[in.steer % providers::all().size()];
    for (std::string_view provider : std::array<std::string_view, 4>{"openai", "anthropic", "cohere", any.name}) {
        dialects::EncodeOptions options;
        options.model = kModels[in.steer % std::size(kModels)];
        if (options.model.empty()) options.model = request.model_name;
        options.reject_unsupported = in.steer & 0x80;
        const providers::Endpoint& endpoint = providers::find(provider)->chat;
        options.quirks = endpoint.quirks;
        dialects::EncodedRequest out;
        chat::ApiError refusal;
        if (!endpoint.dialect->encode(request, options, out, refusal)) {
            fuzz::demand(refusal.set());
            continue;
        }
        json::Document doc;
        json::Limits limits;
        limits.depth = json::kMaxDepth;
        std::string upstream = out.body.str();
        fuzz::demand(doc.parse(upstream, json::Mode::strict, limits).ok());
        const json::Value* model = doc.root().find("model");  // of some dialects in the path
        fuzz::demand(!model || model->is(options.model));
        for (std::string_view name : {"models", "fallbacks", "route", "provider"}) {
            fuzz::demand(request.own.empty() || !doc.root().find(name));
        }
    }
    return 0;
}
