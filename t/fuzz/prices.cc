// Price files: whatever they hold, costs stay within their bounds.
#include "policy/prices.hpp"
#include "fuzz.hpp"
#include "guard.hpp"

using namespace llm;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    test::Guarded guarded({reinterpret_cast<const char*>(data), size});
    std::string_view text = guarded.view();

    std::optional<int64_t> price = chat::parse_price(text.substr(0, text.find('"')));
    fuzz::demand(!price || (*price >= 0 && *price <= chat::kMaxPrice));

    policy::PriceBook book;
    std::string why;
    if (!book.add(text, why)) {
        fuzz::demand(!why.empty() && book.models() == 0);
        return 0;
    }
    fuzz::demand(book.models() > 0);
    chat::Usage usage;
    usage.prompt = 200'001;
    usage.completion = 1000;
    usage.cache_read = 100;
    usage.audio_prompt = 50;
    usage.reasoning = 10;
    usage.searches = 1;
    for (std::string_view name : {"gpt-4o", "a", "x-2024-08-06", "us.a.b-v1:0", "models/a", "ft:a:b"}) {
        policy::Rates rates = book.find("openai", "openai", name);
        for (const policy::Rate& r : rates) fuzz::demand(r.picos >= 0 && r.from >= 0);
        std::optional<chat::Money> cost = policy::cost(rates, usage);
        fuzz::demand(!cost || cost->nanos() >= 0);
        // More tokens never cost less.
        chat::Usage more = usage;
        more.completion++;
        std::optional<chat::Money> dearer = policy::cost(rates, more);
        fuzz::demand(!cost || !dearer || *dearer >= *cost);
    }
    // Any name at all.
    book.find(text.substr(0, 8), text.substr(0, 4), text.substr(0, 200));
    return 0;
}
