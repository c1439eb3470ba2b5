// Strings are kept from yajl, short ones shown to it in batches: neither may
// change what it accepts. The judge here is yajl fed the whole text at once.
#include <gtest/gtest.h>
#include <yajl/yajl_parse.h>

#include <random>
#include <set>

#include "base/text.hpp"
#include "guard.hpp"
#include "json_seeds.hpp"
#include "json_text.hpp"

namespace llm::test {

namespace {

using namespace std::string_view_literals;
using json::Document;
using json::Mode;

constexpr int kMutantsPerSeed = 400;

// yajl as it comes, with the names of each open object.
class PlainYajl {
public:
    explicit PlainYajl(std::string_view text)
    {
        yajl_handle handle = yajl_alloc(&kCallbacks, nullptr, this);
        accepted_ =
            yajl_parse(handle, reinterpret_cast<const unsigned char*>(text.data()), text.size()) == yajl_status_ok &&
            yajl_complete_parse(handle) == yajl_status_ok;
        yajl_free(handle);
    }

    bool accepted() const noexcept { return accepted_; }
    bool has_duplicates() const noexcept { return duplicates_; }

private:
    static PlainYajl& self(void* ctx) { return *static_cast<PlainYajl*>(ctx); }
    static int on_start(void* ctx)
    {
        self(ctx).open_.emplace_back();
        return 1;
    }
    static int on_end(void* ctx)
    {
        self(ctx).open_.pop_back();
        return 1;
    }
    static int on_key(void* ctx, const unsigned char* key, size_t size)
    {
        bool fresh = self(ctx).open_.back().emplace(reinterpret_cast<const char*>(key), size).second;
        self(ctx).duplicates_ |= !fresh;
        return 1;
    }
    static int on_number(void*, const char*, size_t) { return 1; }

    static constexpr yajl_callbacks kCallbacks = {
        nullptr, nullptr, nullptr, nullptr, on_number, nullptr, on_start, on_key, on_end, nullptr, nullptr,
    };

    std::vector<std::set<std::string>> open_;
    bool accepted_ = false;
    bool duplicates_ = false;
};

bool ends_inside_a_string(std::string_view text)
{
    bool inside = false;
    for (size_t i = 0; i < text.size(); i++) {
        if (inside && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            inside = !inside;
        }
    }
    return inside;
}

// yajl is laxer than RFC 8259 in three things: it takes \v and \f for blanks (no
// string it accepts holds one), lets some ill-formed UTF-8 through, and does not
// mind a string that begins behind the value and never ends.
bool expected(std::string_view text, Mode mode)
{
    std::string mended;
    if (mode == Mode::liberal) {
        text::append_sanitized(mended, text);
        text = mended;
    }
    PlainYajl yajl(text);
    bool grammar = yajl.accepted() && text::is_utf8(text) && text.find_first_of("\v\f") == text.npos &&
                   !ends_inside_a_string(text);
    return grammar && (mode == Mode::liberal || !yajl.has_duplicates());
}

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
                bool good = expected(text, mode);
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

}  // namespace

}  // namespace llm::test
