// Streams of a provider: what the client gets does not depend on the cuts, and
// is an event stream of JSON that ends as it should.
#include "exchange.hpp"
#include "fuzz.hpp"
#include "json/document.hpp"
#include "wire/sse_reader.hpp"

using namespace llm;

namespace {

void check(const std::string& client)
{
    wire::SseReader reader(1U << 24);
    reader.push(client);
    wire::WireEvent event;
    json::Document doc;
    json::Limits limits;
    limits.depth = json::kMaxDepth;
    while (reader.next(event)) {
        if (event.ping || event.data == "[DONE]") continue;
        fuzz::demand(doc.parse(event.data, json::Mode::strict, limits).ok() ||
                     doc.parse(event.data, json::Mode::liberal, limits).ok());
    }
    fuzz::demand(client.empty() || client.ends_with("\n\n"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input in = fuzz::split(data, size);
    relay::Options options;
    options.dialect = fuzz::dialect();
    options.answer.id = "chatcmpl-fuzz";
    options.answer.include_usage = in.steer & 1;
    options.max_event = 1U << 16;
    if (in.steer & 2) options.answer.model = "asked/\"for\"";
    if (in.steer & 4) options.decode.hints.json_tool = "json_tool_call";
    if (in.steer & 8) options.decode.quirks = &fuzz::kMends;
    relay::Seen seen;
    std::string whole = test::stream_in_pieces(options, in.text, 0, seen);
    fuzz::demand(whole == test::stream_in_pieces(options, in.text, 1 + in.steer % 31, seen));
    dialects::Dialect every = test::EveryEvent::of(*options.dialect);
    options.dialect = &every;
    fuzz::demand(whole == test::stream_in_pieces(options, in.text, 0, seen));
    fuzz::demand(seen.error.set() || seen.complete || seen.finished || !whole.empty());
    check(whole);
    return 0;
}
