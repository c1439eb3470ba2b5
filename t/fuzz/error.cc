// Error bodies of a provider.
#include "client/completions/completions.hpp"
#include "fuzz.hpp"
#include "guard.hpp"
#include "json/document.hpp"

using namespace llm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    constexpr int kStatuses[] = {0, 400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 498, 500, 502, 503, 529, 200};
    fuzz::Input in = fuzz::split(data, size);
    test::Guarded body(in.text);
    chat::ApiError error = fuzz::dialect()->decode_error(kStatuses[in.steer % std::size(kStatuses)], body.view());
    fuzz::demand(error.set() && error.status() >= 400);
    json::Document doc;
    fuzz::demand(doc.parse(completions::error_body(error), json::Mode::strict).ok());
    return 0;
}
