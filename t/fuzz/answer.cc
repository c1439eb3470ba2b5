// Whole answers of a provider.
#include "exchange.hpp"
#include "fuzz.hpp"
#include "guard.hpp"
#include "json/document.hpp"

using namespace llm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input in = fuzz::split(data, size);
    test::Guarded body(in.text);
    relay::Options options;
    options.dialect = fuzz::dialect();
    options.answer.id = "chatcmpl-fuzz";
    if (in.steer & 1) options.answer.model = "asked/\"for\"";
    if (in.steer & 2) options.decode.hints.json_tool = "json_tool_call";
    if (in.steer & 8) options.decode.quirks = &fuzz::kMends;
    Rope out;
    relay::Seen seen;
    if (!relay::relay_answer(body.view(), options, out, seen)) {
        fuzz::demand(seen.error.set());
        return 0;
    }
    json::Document doc;
    json::Limits limits;
    limits.depth = json::kMaxDepth;
    fuzz::demand(doc.parse(out.str(), json::Mode::liberal, limits).ok());
    return 0;
}
