// What a provider's headers say (wire format: errors, section 6, and the survey
// in openai-compatible-family).
#include "wire/reply_head.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace llm::test {

namespace {

using wire::Media;
using wire::RateLimits;
using wire::ReplyHead;

// Sat, 21 Nov 2026 02:39:00 GMT
constexpr int64_t kNow = 1795228740000;

using Headers = std::vector<std::pair<std::string_view, std::string_view>>;

ReplyHead read(const Headers& headers)
{
    ReplyHead head(kNow);
    for (auto [name, value] : headers) head.header(name, value);
    return head;
}

TEST(ReplyHead, RetryAfter)
{
    struct Row {
        std::string_view name;
        Headers headers;
        int64_t ms;
    };
    const std::string long_value(200, '0');
    const Row rows[] = {
        {"nothing", {}, -1},
        {"seconds", {{"retry-after", "20"}}, 20000},
        {"seconds with decimals", {{"retry-after", "1.5"}}, 1500},
        {"no wait", {{"retry-after", "0"}}, 0},
        {"any case, blanks", {{"Retry-After", " 7 "}}, 7000},
        {"date", {{"retry-after", "Sat, 21 Nov 2026 02:39:30 GMT"}}, 30000},
        {"date of the past", {{"retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"}}, 0},
        {"milliseconds", {{"retry-after-ms", "1500"}}, 1500},
        {"milliseconds with decimals round up", {{"retry-after-ms", "120.2"}}, 121},
        {"milliseconds before seconds", {{"retry-after", "20"}, {"retry-after-ms", "1500"}}, 1500},
        {"and in the other order", {{"retry-after-ms", "1500"}, {"retry-after", "20"}}, 1500},
        {"milliseconds that are none", {{"retry-after-ms", "soon"}, {"retry-after", "20"}}, 20000},
        {"words", {{"retry-after", "soon"}}, -1},
        {"negative", {{"retry-after", "-1"}}, -1},
        {"beyond a year", {{"retry-after", "99999999999"}}, -1},
        {"a year", {{"retry-after", "31536000"}}, 3600000},
        {"more than an hour in milliseconds", {{"retry-after-ms", "9000000"}}, 3600000},
        {"a date far away", {{"retry-after", "Sun, 21 Nov 2027 02:39:30 GMT"}}, 3600000},
        {"a reset far away", {{"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "61m0s"}}, 3600000},
        {"too long to be meant", {{"retry-after", long_value}}, -1},
        {"used up requests", {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "36s"}}, 36000},
        {"used up tokens", {{"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-reset-tokens", "0m59.56s"}}, 59560},
        {"some are left", {{"x-ratelimit-remaining-requests", "1"}, {"x-ratelimit-reset-requests", "6m0s"}}, -1},
        {"reset of the other limit",
         {{"x-ratelimit-remaining-requests", "0"},
          {"x-ratelimit-remaining-tokens", "5"},
          {"x-ratelimit-reset-tokens", "6m0s"}},
         -1},
        {"both used up: the later one",
         {{"x-ratelimit-remaining-requests", "0"},
          {"x-ratelimit-reset-requests", "120ms"},
          {"x-ratelimit-remaining-tokens", "0"},
          {"x-ratelimit-reset-tokens", "1s"}},
         1000},
        {"retry-after before resets",
         {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "6m0s"}, {"retry-after", "2"}},
         2000},
        {"anthropic, used up",
         {{"anthropic-ratelimit-requests-remaining", "0"},
          {"anthropic-ratelimit-requests-reset", "2026-11-21T02:39:12Z"}},
         12000},
        {"anthropic, tokens with an offset",
         {{"anthropic-ratelimit-tokens-remaining", "0"},
          {"anthropic-ratelimit-tokens-reset", "2026-11-21T03:39:00.5+01:00"}},
         500},
        {"anthropic, input tokens",
         {{"anthropic-ratelimit-input-tokens-remaining", "0"},
          {"anthropic-ratelimit-input-tokens-reset", "2026-11-21T02:39:09Z"},
          {"anthropic-ratelimit-output-tokens-remaining", "8"},
          {"anthropic-ratelimit-output-tokens-reset", "2026-11-21T02:39:30Z"}},
         9000},
        {"anthropic, output tokens, the reset first",
         {{"anthropic-ratelimit-output-tokens-reset", "2026-11-21T02:39:08Z"},
          {"anthropic-ratelimit-output-tokens-remaining", "0"}},
         8000},
        {"anthropic, some are left",
         {{"anthropic-ratelimit-requests-remaining", "3"},
          {"anthropic-ratelimit-requests-reset", "2026-11-21T02:39:12Z"}},
         -1},
        {"reset that is no duration",
         {{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "soon"}},
         -1},
        {"cerebras: seconds with decimals",
         {{"x-ratelimit-remaining-tokens-minute", "0"}, {"x-ratelimit-reset-tokens-minute", "11.382867097854614"}},
         12000},
        {"openrouter: a point in time",
         {{"x-ratelimit-remaining", "0"}, {"x-ratelimit-reset", "1795228800000"}},
         60000},
    };
    for (const Row& row : rows) EXPECT_EQ(read(row.headers).retry_after_ms(), row.ms) << row.name;
}

TEST(ReplyHead, WhatIsLeftOfALimit)
{
    struct Row {
        std::string_view name;
        Headers headers;
        int64_t used_up;
        int64_t scarce;
    };
    const Row rows[] = {
        {"nothing", {}, -1, -1},
        {"much", {{"x-ratelimit-limit-requests", "100"}, {"x-ratelimit-remaining-requests", "50"}}, -1, -1},
        {"a tenth",
         {{"x-ratelimit-limit-requests", "100"},
          {"x-ratelimit-remaining-requests", "10"},
          {"x-ratelimit-reset-requests", "6s"}},
         -1,
         6000},
        {"little, for nobody knows how long",
         {{"x-ratelimit-limit-tokens", "100"}, {"x-ratelimit-remaining-tokens", "3"}},
         -1,
         60000},
        {"little for long",
         {{"x-ratelimit-limit-tokens", "100"},
          {"x-ratelimit-remaining-tokens", "3"},
          {"x-ratelimit-reset-tokens", "1h"}},
         -1,
         60000},
        {"nothing is left",
         {{"x-ratelimit-limit-tokens", "100"},
          {"x-ratelimit-remaining-tokens", "0"},
          {"x-ratelimit-reset-tokens", "2s"}},
         2000,
         2000},
        {"Anthropic's",
         {{"anthropic-ratelimit-input-tokens-limit", "1000"},
          {"anthropic-ratelimit-input-tokens-remaining", "40"},
          {"anthropic-ratelimit-input-tokens-reset", "2026-11-21T02:39:20Z"}},
         -1,
         20000},
        {"Azure's, without limit and reset", {{"x-ratelimit-remaining-requests", "0"}}, -1, 60000},
        {"no number", {{"x-ratelimit-limit-tokens", "many"}, {"x-ratelimit-remaining-tokens", "0.5"}}, -1, -1},
    };
    for (const Row& row : rows) {
        ReplyHead head = read(row.headers);
        EXPECT_EQ(head.used_up_ms(), row.used_up) << row.name;
        EXPECT_EQ(head.scarce_ms(), row.scarce) << row.name;
    }
}

TEST(ReplyHead, RateLimits)
{
    struct Row {
        std::string_view name, value;
        RateLimits::Field field;
        std::string_view expected;
    };
    const Row rows[] = {
        {"x-ratelimit-limit-requests", "10000", RateLimits::limit_requests, "10000"},
        {"x-ratelimit-limit-tokens", "200000", RateLimits::limit_tokens, "200000"},
        {"x-ratelimit-remaining-requests", "9999", RateLimits::remaining_requests, "9999"},
        {"x-ratelimit-remaining-tokens", "199000", RateLimits::remaining_tokens, "199000"},
        {"x-ratelimit-reset-requests", "8.64s", RateLimits::reset_requests, "8.64s"},
        {"x-ratelimit-reset-tokens", "6m0s", RateLimits::reset_tokens, "6m0s"},
        {"X-RateLimit-Limit-Requests", " 50 ", RateLimits::limit_requests, "50"},
        {"anthropic-ratelimit-requests-limit", "4000", RateLimits::limit_requests, "4000"},
        {"anthropic-ratelimit-tokens-limit", "400000", RateLimits::limit_tokens, "400000"},
        {"anthropic-ratelimit-requests-remaining", "3999", RateLimits::remaining_requests, "3999"},
        {"anthropic-ratelimit-tokens-remaining", "399000", RateLimits::remaining_tokens, "399000"},
        {"anthropic-ratelimit-requests-reset", "2026-11-21T02:39:01Z", RateLimits::reset_requests, "1s"},
        {"anthropic-ratelimit-tokens-reset", "2026-11-21T02:45:00Z", RateLimits::reset_tokens, "6m0s"},
        {"anthropic-ratelimit-tokens-reset", "2026-11-21T02:38:00Z", RateLimits::reset_tokens, "0ms"},
        {"x-ratelimit-reset-requests", "12", RateLimits::reset_requests, "12s"},
        {"x-ratelimit-limit-requests-day", "14400", RateLimits::limit_requests, "14400"},
        {"x-ratelimit-remaining-requests-day", "1", RateLimits::remaining_requests, "1"},
        {"x-ratelimit-limit-tokens-minute", "60000", RateLimits::limit_tokens, "60000"},
        {"x-ratelimit-reset-tokens-minute", "11.5", RateLimits::reset_tokens, "12s"},
        {"X-RateLimit-Limit", "20", RateLimits::limit_requests, "20"},
        {"X-RateLimit-Reset", "1795228800", RateLimits::reset_requests, "1m0s"},
        {"X-RateLimit-Reset", "1795228800000", RateLimits::reset_requests, "1m0s"},
        {"x-tokenlimit-remaining", "5", RateLimits::remaining_tokens, "5"},
        {"ratelimitbysize-remaining", "7", RateLimits::remaining_tokens, "7"},
    };
    for (const Row& row : rows) {
        RateLimits limits = read({{row.name, row.value}}).limits();
        for (size_t f = 0; f < limits.values.size(); f++) {
            EXPECT_EQ(limits.values[f], f == row.field ? row.expected : "") << row.name << ", field " << f;
        }
    }
}

// Limits of other units have no name a client knows; what could break a header
// goes nowhere.
TEST(ReplyHead, OtherLimitsAreNotReported)
{
    const Headers headers = {
        {"anthropic-ratelimit-input-tokens-limit", "400000"},
        {"anthropic-priority-input-tokens-limit", "1"},
        {"x-ratelimit-limit-project-tokens", "1"},
        {"x-ratelimit-limit-tokens", "1\r\nset-cookie: a=b"},
        {"x-ratelimit-limit-requests", "1 2"},
        {"x-ratelimit-remaining-requests", ""},
    };
    ReplyHead head = read(headers);
    for (const std::string& value : head.limits().values) EXPECT_EQ(value, "");
    EXPECT_EQ(head.retry_after_ms(), -1);
}

TEST(ReplyHead, ClientsGetOpenAiNames)
{
    const std::pair<RateLimits::Field, std::string_view> rows[] = {
        {RateLimits::limit_requests, "x-ratelimit-limit-requests"},
        {RateLimits::limit_tokens, "x-ratelimit-limit-tokens"},
        {RateLimits::remaining_requests, "x-ratelimit-remaining-requests"},
        {RateLimits::remaining_tokens, "x-ratelimit-remaining-tokens"},
        {RateLimits::reset_requests, "x-ratelimit-reset-requests"},
        {RateLimits::reset_tokens, "x-ratelimit-reset-tokens"},
    };
    for (auto [field, name] : rows) EXPECT_EQ(RateLimits::header(field), name);
}

TEST(ReplyHead, MediaTypes)
{
    struct Row {
        std::string_view value;
        Media media;
    };
    const Row rows[] = {
        {"application/json", Media::json},
        {"application/json; charset=utf-8", Media::json},
        {"Application/JSON ;x=y", Media::json},
        {"application/problem+json", Media::json},
        {"text/event-stream", Media::event_stream},
        {"text/event-stream;charset=UTF-8", Media::event_stream},
        {"TEXT/EVENT-STREAM", Media::event_stream},
        {"text/html; charset=utf-8", Media::html},
        {"text/plain", Media::unknown},
        {"application/octet-stream", Media::unknown},
        {"text/plain; x=application/json", Media::unknown},
        {"application/jsonl", Media::unknown},
        {"", Media::unknown},
    };
    for (const Row& row : rows) EXPECT_EQ(read({{"Content-Type", row.value}}).media(), row.media) << row.value;
    EXPECT_EQ(read({}).media(), Media::unknown);
}

TEST(ReplyHead, ContentCodings)
{
    const std::pair<std::string_view, bool> rows[] = {
        {"gzip", true}, {"br", true}, {"gzip, identity", true}, {"identity", false}, {"Identity", false}, {"", false},
    };
    for (auto [value, encoded] : rows) EXPECT_EQ(read({{"Content-Encoding", value}}).encoded(), encoded) << value;
    EXPECT_FALSE(read({}).encoded());
}

TEST(ReplyHead, RequestIds)
{
    struct Row {
        std::string_view name;
        Headers headers;
        std::string_view id;
    };
    const std::string just_fits(128, 'i'), too_long(129, 'i');
    const Row rows[] = {
        {"none", {}, ""},
        {"openai", {{"x-request-id", "req_1"}}, "req_1"},
        {"anthropic", {{"request-id", "req_2"}}, "req_2"},
        {"aws", {{"x-amzn-RequestId", "a-b-c"}}, "a-b-c"},
        {"azure", {{"apim-request-id", "d-e-f"}}, "d-e-f"},
        {"the first one counts", {{"apim-request-id", "first"}, {"x-request-id", "second"}}, "first"},
        {"longest", {{"x-request-id", just_fits}}, just_fits},
        {"too long", {{"x-request-id", too_long}}, ""},
        {"blank inside", {{"x-request-id", "a b"}}, ""},
        {"line end inside", {{"x-request-id", "a\r\nb"}}, ""},
        {"not ascii", {{"x-request-id", "caf\xc3\xa9"}}, ""},
        {"an unfit one leaves room", {{"x-request-id", "a b"}, {"request-id", "ok"}}, "ok"},
    };
    for (const Row& row : rows) EXPECT_EQ(read(row.headers).request_id(), row.id) << row.name;
}

}  // namespace

}  // namespace llm::test
