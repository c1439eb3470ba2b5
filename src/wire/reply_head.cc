#include "wire/reply_head.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "wire/duration.hpp"

namespace llm::wire {

namespace {

constexpr size_t kMaxValue = 128;

struct LimitHeader {
    std::string_view name;
    RateLimits::Field field;
};

// Forms seen (wire format: openai-compatible-family, header survey).
constexpr std::array kLimitHeaders = {
    LimitHeader{"x-ratelimit-limit-requests", RateLimits::limit_requests},
    LimitHeader{"x-ratelimit-limit-tokens", RateLimits::limit_tokens},
    LimitHeader{"x-ratelimit-remaining-requests", RateLimits::remaining_requests},
    LimitHeader{"x-ratelimit-remaining-tokens", RateLimits::remaining_tokens},
    LimitHeader{"x-ratelimit-reset-requests", RateLimits::reset_requests},
    LimitHeader{"x-ratelimit-reset-tokens", RateLimits::reset_tokens},
    LimitHeader{"anthropic-ratelimit-requests-limit", RateLimits::limit_requests},
    LimitHeader{"anthropic-ratelimit-tokens-limit", RateLimits::limit_tokens},
    LimitHeader{"anthropic-ratelimit-requests-remaining", RateLimits::remaining_requests},
    LimitHeader{"anthropic-ratelimit-tokens-remaining", RateLimits::remaining_tokens},
    LimitHeader{"anthropic-ratelimit-requests-reset", RateLimits::reset_requests},
    LimitHeader{"anthropic-ratelimit-tokens-reset", RateLimits::reset_tokens},
    // Cerebras
    LimitHeader{"x-ratelimit-limit-requests-day", RateLimits::limit_requests},
    LimitHeader{"x-ratelimit-remaining-requests-day", RateLimits::remaining_requests},
    LimitHeader{"x-ratelimit-reset-requests-day", RateLimits::reset_requests},
    LimitHeader{"x-ratelimit-limit-tokens-minute", RateLimits::limit_tokens},
    LimitHeader{"x-ratelimit-remaining-tokens-minute", RateLimits::remaining_tokens},
    LimitHeader{"x-ratelimit-reset-tokens-minute", RateLimits::reset_tokens},
    // OpenRouter, Together, Hugging Face
    LimitHeader{"x-ratelimit-limit", RateLimits::limit_requests},
    LimitHeader{"x-ratelimit-remaining", RateLimits::remaining_requests},
    LimitHeader{"x-ratelimit-reset", RateLimits::reset_requests},
    LimitHeader{"x-tokenlimit-limit", RateLimits::limit_tokens},
    LimitHeader{"x-tokenlimit-remaining", RateLimits::remaining_tokens},
    LimitHeader{"x-tokenlimit-reset", RateLimits::reset_tokens},
    // Mistral
    LimitHeader{"ratelimitbysize-limit", RateLimits::limit_tokens},
    LimitHeader{"ratelimitbysize-remaining", RateLimits::remaining_tokens},
    LimitHeader{"ratelimitbysize-reset", RateLimits::reset_tokens},
};

// A reset as clients know it, a duration; others tell a point in time, or a
// number: of seconds, unless it is so large that it counts from the epoch.
std::string reset_of(std::string_view value, int64_t now_ms)
{
    constexpr int64_t kEpoch = 1'000'000'000;  // 2001, and 31 years
    constexpr int64_t kLast = kEpoch * 1'000'000;
    if (std::optional<int64_t> at = parse_rfc3339(value)) return format_duration(std::max<int64_t>(*at - now_ms, 0));
    if (std::optional<uint64_t> n = text::to_uint(value); n && *n >= kEpoch && *n < kLast) {
        auto at = static_cast<int64_t>(*n);
        if (at < kEpoch * 1000) at *= 1000;
        return format_duration(std::max<int64_t>(at - now_ms, 0));
    }
    if (std::optional<int64_t> ms = parse_seconds(value)) return format_duration(*ms);
    return std::string(value);
}

// Anthropic's limits on one kind of tokens: they have no name that a client of
// OpenAI's knows, but can be what is used up.
struct SplitHeader {
    std::string_view name;
    uint8_t kind;
    enum What : uint8_t { limit, remaining, reset } what;
};
constexpr std::array kSplitHeaders = {
    SplitHeader{"anthropic-ratelimit-input-tokens-limit", 0, SplitHeader::limit},
    SplitHeader{"anthropic-ratelimit-input-tokens-remaining", 0, SplitHeader::remaining},
    SplitHeader{"anthropic-ratelimit-input-tokens-reset", 0, SplitHeader::reset},
    SplitHeader{"anthropic-ratelimit-output-tokens-limit", 1, SplitHeader::limit},
    SplitHeader{"anthropic-ratelimit-output-tokens-remaining", 1, SplitHeader::remaining},
    SplitHeader{"anthropic-ratelimit-output-tokens-reset", 1, SplitHeader::reset},
};

constexpr std::array<std::string_view, 4> kRequestIds = {
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "apim-request-id",
};

Media media_of(std::string_view value) noexcept
{
    std::string_view type = text::trim(value.substr(0, value.find(';')));
    if (text::iequals(type, "text/event-stream")) return Media::event_stream;
    if (text::iequals(type, "text/html")) return Media::html;
    if (text::iequals(type, "application/json") || text::icontains(type, "+json")) return Media::json;
    return Media::unknown;
}

}  // namespace

std::string_view RateLimits::header(Field f) noexcept
{
    // The first rows of the table are the client's own names, in field order.
    return kLimitHeaders[f].name;
}

void ReplyHead::set_limit(RateLimits::Field field, std::string_view value)
{
    bool is_reset = field == RateLimits::reset_requests || field == RateLimits::reset_tokens;
    limits_.values[field] = is_reset ? reset_of(value, now_ms_) : std::string(value);
}

void ReplyHead::header(std::string_view name, std::string_view value)
{
    value = text::trim(value);
    if (text::iequals(name, "content-type")) {
        media_ = media_of(value);
        return;
    }
    if (text::iequals(name, "content-encoding")) {
        encoded_ = !value.empty() && !text::iequals(value, "identity");
        return;
    }
    if (value.size() > kMaxValue) return;
    if (text::iequals(name, "x-should-retry")) {
        forbids_retry_ = text::iequals(value, "false");
    } else if (text::iequals(name, "retry-after-ms")) {
        if (std::optional<int64_t> ms = parse_seconds(value)) retry_ms_ = (*ms + 999) / 1000;
    } else if (text::iequals(name, "retry-after")) {
        if (std::optional<int64_t> ms = parse_seconds(value)) {
            retry_after_ = *ms;
        } else if (std::optional<int64_t> date = parse_http_date(value)) {
            retry_after_ = std::max<int64_t>(*date * 1000 - now_ms_, 0);
        }
    }
    for (std::string_view id : kRequestIds) {
        if (request_id_.empty() && text::iequals(name, id) && text::is_token(value, kMaxValue)) request_id_ = value;
    }
    for (const SplitHeader& known : kSplitHeaders) {
        if (!text::iequals(name, known.name)) continue;
        SplitLimit& limit = split_[known.kind];
        if (known.what == SplitHeader::limit) {
            limit.limit = value;
        } else if (known.what == SplitHeader::remaining) {
            limit.remaining = value;
            limit.used_up = value == "0";
        } else if (std::optional<int64_t> at = parse_rfc3339(value)) {
            limit.reset_ms = std::max<int64_t>(*at - now_ms_, 0);
        }
        return;
    }
    for (const LimitHeader& known : kLimitHeaders) {
        if (text::iequals(name, known.name) && text::is_token(value, kMaxValue)) return set_limit(known.field, value);
    }
}

int64_t ReplyHead::used_up_ms() const
{
    int64_t wait = -1;
    auto look = [&](RateLimits::Field remaining, RateLimits::Field reset) {
        if (limits_.values[remaining] != "0") return;
        if (std::optional<int64_t> ms = parse_duration(limits_.values[reset])) wait = std::max(wait, *ms);
    };
    look(RateLimits::remaining_requests, RateLimits::reset_requests);
    look(RateLimits::remaining_tokens, RateLimits::reset_tokens);
    for (const SplitLimit& limit : split_) {
        if (limit.used_up) wait = std::max(wait, limit.reset_ms);
    }
    return std::min(wait, kMaxWait);
}

int64_t ReplyHead::scarce_ms() const
{
    constexpr int64_t kMinute = 60'000;
    int64_t wait = -1;
    auto look = [&](std::string_view limit, std::string_view remaining, std::optional<int64_t> reset) {
        std::optional<uint64_t> all = text::to_uint(limit);
        std::optional<uint64_t> left = text::to_uint(remaining);
        // Azure does not always tell the limit.
        bool little = left && (*left == 0 || (all && *left <= *all / 10));
        if (!little) return;
        wait = std::max(wait, std::min(reset.value_or(kMinute), kMinute));
    };
    const auto& v = limits_.values;
    look(v[RateLimits::limit_requests], v[RateLimits::remaining_requests],
         parse_duration(v[RateLimits::reset_requests]));
    look(v[RateLimits::limit_tokens], v[RateLimits::remaining_tokens], parse_duration(v[RateLimits::reset_tokens]));
    for (const SplitLimit& l : split_) {
        look(l.limit, l.remaining, l.reset_ms >= 0 ? std::optional<int64_t>(l.reset_ms) : std::nullopt);
    }
    return wait;
}

int64_t ReplyHead::retry_after_ms() const
{
    if (retry_ms_ >= 0) return std::min(retry_ms_, kMaxWait);
    if (retry_after_ >= 0) return std::min(retry_after_, kMaxWait);
    return used_up_ms();
}

}  // namespace llm::wire
