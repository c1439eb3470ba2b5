// What a request costs: time must grow with its bytes, not with their product.
#include <gtest/gtest.h>

#include <chrono>

#include "client/request.hpp"
#include "dialects/anthropic/anthropic.hpp"

namespace llm::test {

namespace {

using Clock = std::chrono::steady_clock;

// Far above what it takes with sanitizers on a busy machine, far below what
// the square takes.
constexpr auto kEnough = std::chrono::milliseconds(500);

// The dialect's share of it.
Clock::duration time_to_encode(const std::string& body, std::string& upstream)
{
    chat::Request request;
    chat::ApiError error;
    EXPECT_TRUE(client::read_request(body, {}, request, error)) << error.message;
    dialects::EncodeOptions options;
    options.model = request.model_name;
    dialects::EncodedRequest out;
    Clock::time_point start = Clock::now();
    EXPECT_TRUE(anthropic::encode(request, options, out, error)) << error.message;
    Clock::duration took = Clock::now() - start;
    upstream = out.body.str();
    return took;
}

std::string times(size_t n, std::string_view text)
{
    std::string out;
    out.reserve(n * text.size());
    for (size_t i = 0; i < n; i++) out += text;
    return out;
}

// One long text of nothing but blanks, in every form that is long to look at.
TEST(AnthropicCost, Blanks)
{
    constexpr size_t kBytes = 4U << 20;
    for (std::string_view blank : {"\xe3\x80\x80", "\\u3000", "\\u00A0", "\\n", " "}) {
        for (std::string_view role : {"user", "assistant", "system"}) {
            std::string body = R"({"model":"claude-opus-4-6","reasoning_effort":"low","messages":[)"
                               R"({"role":"user","content":"Hi"},{"role":")" +
                               std::string(role) + R"(","content":")" + times(kBytes / blank.size(), blank) + R"("}]})";
            std::string upstream;
            EXPECT_LT(time_to_encode(body, upstream), kEnough) << blank.substr(0, 2) << ' ' << role;
            EXPECT_LT(upstream.size(), 500U) << upstream.substr(0, 500);
        }
    }
}

}  // namespace

}  // namespace llm::test
