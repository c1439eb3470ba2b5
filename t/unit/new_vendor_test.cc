// A vendor added as CONTRIBUTING shows it, in its very lines.
#include <gtest/gtest.h>

#include "exchange.hpp"
#include "files.hpp"
#include "providers/tables.hpp"

namespace llm::test {

namespace {

using namespace providers;
using namespace providers::vendors;

// clang-format off
// It refuses what it does not know, has no seed, and does not number its calls.
constinit const Quirks kAcme = {
    .request = {.renames = kMaxTokens, .drops = kOpenAiOnly.with({Param::seed}), .developer = false},
    .answer = {.calls = true, .finish = true},
};

constexpr std::array kProviders = {
    // ...
    Provider{.name = "acme", .base = "/api/v1", .chat = compatible(kAcme)},
};
// clang-format on

void use_acme(Exchange& x)
{
    x.dialect = kProviders[0].chat.dialect;
    x.quirks = kProviders[0].chat.quirks;
}

TEST(NewVendor, ContributingHasTheseLines)
{
    std::string text = read_file("CONTRIBUTING.md");
    std::string own = read_file("t/unit/new_vendor_test.cc");
    size_t begin = text.find("```cpp\n") + 7;
    std::string shown = text.substr(begin, text.find("```\n", begin) - begin);
    EXPECT_LE(std::count(shown.begin(), shown.end(), '\n'), 10);
    EXPECT_NE(own.find(shown), own.npos) << shown;
}

TEST(NewVendor, RequestsAreItsOwn)
{
    Exchange x;
    use_acme(x);
    ASSERT_TRUE(x.encode(R"({"model":"m","messages":[{"role":"developer","content":"Hi"}],)"
                         R"("max_completion_tokens":5,"seed":1,"store":true,"own":{"x":1}})"));
    EXPECT_EQ(x.upstream,
              R"({"model":"m","messages":[{"role":"system","content":"Hi"}],"max_tokens":5,"own":{"x":1}})");
    EXPECT_EQ(x.encoded.dropped.names(), "seed,store");
    std::string head;
    write_head(kProviders[0], {.host = "h", .base = {}, .path = kProviders[0].chat.path, .key = "k", .headers = {}},
               head);
    EXPECT_TRUE(head.starts_with("POST /api/v1/chat/completions HTTP/1.1\r\n")) << head;
}

TEST(NewVendor, StreamsAreOpenAis)
{
    Exchange x;
    use_acme(x);
    ASSERT_TRUE(x.encode(R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true})"));
    constexpr std::string_view kStream =
        R"(data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]}}]})"
        "\n\n"
        R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"
        "\n\n";
    constexpr std::string_view kClients =
        R"(data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"},)"
        R"("index":0,"type":"function"}]},"finish_reason":null}]})"
        "\n\n"
        R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]})"
        "\n\ndata: [DONE]\n\n";
    relay::Seen seen;
    for (size_t size = 0; size < 32; size++) {
        EXPECT_EQ(stream_in_pieces(x.relay_options(), kStream, size, seen), kClients) << size;
    }
    EXPECT_EQ(seen.finish, chat::FinishReason::tool_calls);
}

}  // namespace

}  // namespace llm::test
