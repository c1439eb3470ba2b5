// Strings are kept from yajl, and a text that is like the one before it as a
// whole: neither may change what is accepted. The judge here is yajl fed the whole text at once.
#include <gtest/gtest.h>

#include <random>

#include "guard.hpp"
#include "json_judge.hpp"
#include "json_seeds.hpp"
#include "json_text.hpp"

namespace llm::test {

namespace {

using namespace std::string_view_literals;
using json::Document;
using json::Mode;

constexpr int kMutantsPerSeed = 400;

class Mutator {
public:
    Mutator() : seeds_(json_seeds()) {}

    const std::vector<std::string>& seeds() const { return seeds_; }

    std::string mutate(std::string text)
    {
        for (size_t n = 1 + below(3); n > 0; n--) step(text);
        return text;
    }

private:
    // One engine, no distribution: the same mutants with every library.
    size_t below(size_t n) { return n == 0 ? 0 : random_() % n; }

    char byte()
    {
        constexpr std::string_view kTelling =
            "\"\"\"\\\\{}[],,::0123456789-+.eE ntfuabk/\t\n\v\f\r\x01\x7f\x80\xc3\xa9\xed\xff\0"sv;
        return kTelling[below(kTelling.size())];
    }

    void step(std::string& text)
    {
        size_t at = below(text.size() + 1);
        size_t size = below(std::min<size_t>(text.size() - at, 12) + 1);
        switch (below(8)) {
            case 0:
                text.insert(at, 1, byte());
                break;
            case 1:
                if (at < text.size()) text[at] = byte();
                break;
            case 2:
                text.erase(at, 1);
                break;
            case 3:
                text.erase(at, size);
                break;
            case 4:
                text.insert(below(text.size() + 1), text.substr(at, size));
                break;
            case 5:
                text.resize(at);
                break;
            case 6: {
                // A part of another text, at a border of a token as often as not.
                const std::string& other = seeds_[below(seeds_.size())];
                size_t from = other.find_first_of("[{\",", below(other.size()));
                text.insert(at, other.substr(from == other.npos ? 0 : from, below(80)));
                break;
            }
            case 7:
                // Whole values in a row keep the text good now and then.
                text = (below(2) ? "[" + text + ",\"" : "{\"k\":" + text + ",\"") + std::string(below(60), 'z') +
                       (below(2) ? "\"]" : "\":0}");
                break;
        }
    }

    std::mt19937 random_{20260801};
    std::vector<std::string> seeds_;
};

TEST(Differential, SameVerdictsAsPlainYajl)
{
    Mutator mutator;
    Document doc;
    size_t accepted = 0, rejected = 0;
    for (const std::string& seed : mutator.seeds()) {
        for (int i = 0; i <= kMutantsPerSeed; i++) {
            std::string text = i == 0 ? seed : mutator.mutate(seed);
            Guarded guarded(text);
            for (Mode mode : {Mode::strict, Mode::liberal}) {
                bool good = is_json(text, mode);
                Status s = doc.parse(guarded.view(), mode);
                ASSERT_EQ(s.ok(), good) << (mode == Mode::strict ? "strict: " : "liberal: ") << text << "\n" << s.at;
                (good ? accepted : rejected)++;
                if (!good) continue;
                // Every slice stands where it belongs.
                ASSERT_EQ(rewrite(doc.root()), without_blanks(doc.source())) << text;
            }
        }
    }
    // Neither side of the verdict may be tested by accident only.
    EXPECT_GT(accepted, 3000U);
    EXPECT_GT(rejected, 10000U);
}

TEST(Differential, SeriesAreParsedAsTheirTextsAre)
{
    Mutator mutator;
    Document strict, liberal, alone;
    for (const std::string& seed : mutator.seeds()) {
        for (int i = 0; i < kMutantsPerSeed; i++) {
            std::string text = i % 3 ? mutator.mutate(seed) : seed;
            // Another place in memory each time, and the former text is gone.
            Guarded guarded(text);
            expect_same(strict, alone, guarded.view(), Mode::strict);
            expect_same(liberal, alone, guarded.view(), Mode::liberal);
            if (HasFatalFailure()) return;
        }
    }
}

}  // namespace

}  // namespace llm::test
