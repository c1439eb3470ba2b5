// Requests for embeddings and reranking, and the answers to them.
#include "fuzz.hpp"
#include "guard.hpp"
#include "json/document.hpp"
#include "relay/vectors_task.hpp"

using namespace llm;

namespace {

bool is_json(std::string_view text)
{
    json::Limits limits;
    limits.depth = json::kMaxDepth;
    limits.fold_numbers = true;
    json::Document doc;
    return doc.parse(text, json::Mode::liberal, limits).ok();
}

void send(const relay::Task& task)
{
    for (const providers::Provider& provider : providers::all()) {
        std::unique_ptr<relay::Call> call = task.call(provider, "m", {});
        for (size_t part = 0; call && part < call->parts(); part++) {
            dialects::EncodeOptions options;
            options.model = "m";
            dialects::EncodedRequest out;
            chat::ApiError refusal;
            bool good = call->encode(part, options, out, refusal);
            fuzz::demand(good ? is_json(out.body.str()) : refusal.set());
        }
    }
}

void answer(const relay::Task& task, std::string_view body, bool rename)
{
    relay::Settings settings;
    settings.id = "r";
    if (rename) settings.model = "asked/\"for\"";
    for (const providers::Provider& provider : providers::all()) {
        std::unique_ptr<relay::Call> call = task.call(provider, "m", settings);
        if (!call) continue;
        Rope out;
        relay::Seen seen;
        bool good = call->take(0, body, out, seen);
        fuzz::demand(good ? out.empty() || is_json(out.str()) : seen.error.set());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input in = fuzz::split(data, size);
    test::Guarded text(in.text);
    bool rerank = in.steer & 1;
    std::unique_ptr<relay::Task> task =
        relay::make_task(rerank ? relay::Operation::rerank : relay::Operation::embeddings);
    chat::ApiError error;
    std::string_view body = text.view();
    if (in.steer & 2) {
        body = rerank         ? R"({"model":"m","query":"q","documents":["a","b"],"return_documents":true})"
               : in.steer & 4 ? R"({"model":"m","input":["a","b"],"encoding_format":"base64"})"
                              : R"({"model":"m","input":["a","b"]})";
    }
    if (!task->read(body, {}, error)) {
        fuzz::demand(error.set() && error.status() >= 400 && error.status() < 500);
    } else if (in.steer & 2) {
        answer(*task, text.view(), in.steer & 8);
    } else {
        send(*task);
    }
    return 0;
}
