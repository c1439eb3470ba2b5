#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace llm::wire {

// Limits a provider reports, under OpenAI's names. Empty: not reported.
struct RateLimits {
    enum Field : uint8_t {
        limit_requests,
        limit_tokens,
        remaining_requests,
        remaining_tokens,
        reset_requests,
        reset_tokens,
        count_
    };
    std::array<std::string, count_> values;

    // The header a client gets it in.
    static std::string_view header(Field f) noexcept;
};

enum class Media : uint8_t { unknown, json, event_stream, html };

// What the gateway wants to know of a provider's response headers. Feed it
// every header; names in any case.
class ReplyHead {
public:
    // `now_ms`: the clock, in milliseconds since the epoch.
    explicit ReplyHead(int64_t now_ms) noexcept : now_ms_(now_ms) {}

    void header(std::string_view name, std::string_view value);

    Media media() const noexcept { return media_; }
    // A content coding nobody asked for.
    bool encoded() const noexcept { return encoded_; }
    const std::string& request_id() const noexcept { return request_id_; }

    // Calls `change` with every text that clients may be shown.
    template <class Change>
    void each_text(Change change)
    {
        change(request_id_);
        for (std::string& value : limits_.values) change(value);
    }

    const RateLimits& limits() const noexcept { return limits_; }

    // How long to wait before the next try, from whichever header says so, or
    // -1. A limit's reset counts only when that limit is used up. At most an
    // hour, however long it says.
    int64_t retry_after_ms() const;
    // Of the limits alone: how long until what is used up is there again; -1:
    // nothing is used up.
    int64_t used_up_ms() const;
    // How long a tenth of a limit is left or less, at most a minute; -1: there is
    // more.
    int64_t scarce_ms() const;
    // `x-should-retry: false`: another try would end the same way.
    bool forbids_retry() const noexcept { return forbids_retry_; }

private:
    void set_limit(RateLimits::Field field, std::string_view value);

    // A limit that clients are not told of.
    struct SplitLimit {
        bool used_up = false;
        std::string limit;
        std::string remaining;
        int64_t reset_ms = -1;
    };

    int64_t now_ms_;
    Media media_ = Media::unknown;
    bool encoded_ = false;
    bool forbids_retry_ = false;
    int64_t retry_ms_ = -1;     // retry-after-ms
    int64_t retry_after_ = -1;  // retry-after
    std::string request_id_;
    RateLimits limits_;
    std::array<SplitLimit, 2> split_;  // input and output tokens
};

}  // namespace llm::wire
