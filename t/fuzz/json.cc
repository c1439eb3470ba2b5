// JSON: the tree and its fast scan, against plain yajl.
#include "fuzz.hpp"
#include "guard.hpp"
#include "json_judge.hpp"

using namespace llm;
using json::Mode;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    std::string text(reinterpret_cast<const char*>(data), size);
    test::Guarded guarded(text);
    static json::Document doc;
    for (Mode mode : {Mode::strict, Mode::liberal}) {
        json::Limits limits;
        limits.depth = json::kMaxDepth;
        Status s = doc.parse(guarded.view(), mode, limits);
        if (s.code == Errc::too_deep || s.code == Errc::too_many) continue;
        fuzz::demand(s.ok() == test::is_json(text, mode));
        if (s.ok()) fuzz::demand(test::rewrite(doc.root()) == test::without_blanks(doc.source()));
    }

    // Inputs that follow each other are often alike.
    static json::Document series;
    Status next = series.parse_next(guarded.view(), Mode::liberal);
    Status alone = doc.parse(guarded.view(), Mode::liberal);
    fuzz::demand(next.code == alone.code);
    if (next.ok()) fuzz::demand(test::rewrite(series.root()) == test::rewrite(doc.root()));
    return 0;
}
