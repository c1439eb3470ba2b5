// Forms: parts are views into the body, in its order, and do not overlap.
#include "fuzz.hpp"
#include "guard.hpp"
#include "wire/multipart.hpp"

using namespace llm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    fuzz::Input in = fuzz::split(data, size);
    std::string_view type = in.text.substr(0, in.text.find('\n'));
    test::Guarded body(in.text.substr(std::min(type.size() + 1, in.text.size())));
    wire::FormReader form(type, body.view());
    wire::FormPart part;
    const char* at = body.view().data();
    while (form.next(part)) {
        fuzz::demand(part.value.empty() || part.value.data() >= at);
        if (!part.value.empty()) at = part.value.data() + part.value.size();
    }
    fuzz::demand(at <= body.view().data() + body.view().size());
    return 0;
}
