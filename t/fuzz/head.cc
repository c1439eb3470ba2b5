// Response heads of providers: one "name: value" a line. The bytes of a head and
// its chunks are taken apart by nginx itself; what the gateway makes of broken ones
// is seen end to end (t/e2e/malformed.test.mjs).
#include <string>

#include "fuzz.hpp"
#include "wire/reply_head.hpp"

using namespace llm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    constexpr int64_t kNow = 1'700'000'000'000;
    std::string_view text(reinterpret_cast<const char*>(data), size);
    wire::ReplyHead head(kNow);
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        size_t colon = line.find(": ");
        if (colon != line.npos) head.header(line.substr(0, colon), line.substr(colon + 2));
    }
    fuzz::demand(head.retry_after_ms() >= -1);
    // What goes on to the client can be no header of its own.
    for (const std::string& value : head.limits().values) {
        fuzz::demand(value.find_first_of("\r\n") == value.npos);
    }
    fuzz::demand(head.request_id().find_first_of("\r\n") == std::string::npos);
    return 0;
}
