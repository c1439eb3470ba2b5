// What a request costs: time must grow with its bytes, not with their product.
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>

#include "client/completions/completions.hpp"
#include "dialects/anthropic/anthropic.hpp"

namespace llm::test {

namespace {

// Of the processor: on a busy machine the wall's tells nothing.
struct Clock {
    using duration = std::chrono::nanoseconds;

    static duration now() noexcept
    {
        timespec t;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return std::chrono::seconds(t.tv_sec) + duration(t.tv_nsec);
    }
};

// Far above what it takes with sanitizers on a busy machine, far below what
// the square takes.
constexpr auto kEnough = std::chrono::seconds(3);

// The dialect's share of it.
Clock::duration time_to_encode(const std::string& body, std::string& upstream)
{
    chat::Request request;
    chat::ApiError error;
    EXPECT_TRUE(completions::read_request(body, {}, request, error)) << error.message;
    dialects::EncodeOptions options;
    options.model = request.model_name;
    dialects::EncodedRequest out;
    Clock::duration start = Clock::now();
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

// The names stand behind many other members, so that each look costs.
TEST(AnthropicCost, AllowedTools)
{
    constexpr size_t kTools = 128;
    std::string padding;
    for (size_t i = 0; i < 4000; i++) padding += "\"p" + std::to_string(i) + "\":0,";
    std::string tools, allowed;
    for (size_t i = 0; i < kTools; i++) {
        std::string name = "\"name\":\"t" + std::to_string(i) + "\"}}";
        tools += (i ? "," : "") + (R"({"type":"function","function":{)" + name);
        allowed += (i ? "," : "") + (R"({"type":"function","function":{)" + padding + name);
    }
    std::string upstream;
    auto took =
        time_to_encode(R"({"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"Hi"}],"tools":[)" + tools +
                           R"(],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto",)" +
                           R"("tools":[)" + allowed + "]}}}",
                       upstream);
    EXPECT_LT(took, kEnough);
    EXPECT_NE(upstream.find(R"("name":"t127")"), upstream.npos);
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
