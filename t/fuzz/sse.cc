// Event streams: the events do not depend on how the network cut them.
#include <string>

#include "fuzz.hpp"
#include "guard.hpp"
#include "wire/sse_reader.hpp"

using namespace llm;

namespace {

constexpr size_t kMaxEvent = 4096;

void list(const wire::WireEvent& event, std::string& out)
{
    out.append(event.type).append(event.ping ? "!" : "|").append(event.data).append("\n");
}

std::string events(std::string_view text, size_t size)
{
    std::string out;
    wire::SseReader reader(kMaxEvent);
    wire::WireEvent event;
    while (!text.empty()) {
        test::Guarded piece(text.substr(0, size));
        text.remove_prefix(piece.view().size());
        reader.push(piece.view());
        while (reader.next(event)) list(event, out);
    }
    if (reader.finish(event)) list(event, out);
    return out + (reader.status().ok() ? "" : "too large");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input in = fuzz::split(data, size);
    fuzz::demand(events(in.text, in.text.size() + 1) == events(in.text, 1 + in.steer % 31));
    return 0;
}
