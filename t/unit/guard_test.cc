// Every parser on input that begins or ends at an unreadable page, whole and cut
// to every length: it says the same as of a text in the middle of its memory.
#include "guard.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/base64.hpp"
#include "base/text.hpp"
#include "chat/upstream_error.hpp"
#include "client/completions/completions.hpp"
#include "exchange.hpp"
#include "files.hpp"
#include "json/document.hpp"
#include "json/scan.hpp"
#include "json_judge.hpp"
#include "json_seeds.hpp"
#include "providers/provider.hpp"
#include "sandbox/sandbox.hpp"
#include "wire/duration.hpp"
#include "wire/reply_head.hpp"
#include "wire/sse_reader.hpp"

namespace llm::test {

namespace {

// What a parser makes of a text, in words that can be compared.
using Parser = std::string (*)(std::string_view);

struct Row {
    std::string name;
    Parser parse;
    std::vector<std::string> texts;
};

std::string told(const chat::ApiError& e)
{
    return std::to_string(e.status()) + completions::error_body(e);
}

template <class T>
std::string told(const std::optional<T>& v)
{
    return v ? std::to_string(*v) + ';' : "none;";
}

template <json::Mode mode>
std::string parse_json(std::string_view text)
{
    json::Document doc;
    Status s = doc.parse(text, mode);
    return s.ok() ? rewrite(doc.root()) : std::string(s.at) + doc.where();
}

std::string scan_strings(std::string_view text)
{
    std::string out;
    size_t at = 0;
    for (size_t open; (open = json::find_quote(text, at)) < text.size();) {
        json::StringSpan span;
        size_t close;
        Status s = json::scan_string(text, open, span, close);
        if (!s.ok()) return out.append(s.at);
        out.append(span.body).append(span.escaped ? "\\" : "|");
        at = close + 1;
    }
    return out;
}

std::string parse_text(std::string_view s)
{
    std::string out(text::trim(s));
    text::append_sanitized(out, s);
    out += text::is_utf8(s) ? 'u' : '-';
    out += text::is_token(s, 64) ? 't' : '-';
    out += text::icontains(s, "ool\xc3") ? 'i' : '-';
    out += text::iequals(s, "HELLO") ? 'e' : '-';
    out += base64_decode(s, out) ? 'b' : '-';
    return out + told(text::to_uint(s));
}

std::string parse_times(std::string_view s)
{
    return told(wire::parse_duration(s)) + told(wire::parse_spoken_duration(s)) + told(wire::parse_seconds(s)) +
           told(wire::parse_http_date(s)) + told(wire::parse_rfc3339(s));
}

std::string read_events(std::string_view text)
{
    std::string out;
    wire::SseReader reader(4096);
    wire::WireEvent event;
    auto list = [&] { out.append(event.type).append(event.ping ? "!" : "|").append(event.data).append("\n"); };
    reader.push(text);
    while (reader.next(event)) list();
    if (reader.finish(event)) list();
    return out.append(reader.status().at);
}

std::string read_header(std::string_view value)
{
    wire::ReplyHead head(1'700'000'000'000);
    for (std::string_view name : {"content-type", "content-encoding", "x-request-id", "retry-after", "retry-after-ms",
                                  "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
                                  "anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-tokens-remaining"}) {
        head.header(name, value);
    }
    head.header(value, "1");
    std::string out = std::to_string(head.retry_after_ms()) + head.request_id();
    for (const std::string& limit : head.limits().values) out += '|' + limit;
    return out + std::to_string(static_cast<int>(head.media())) + (head.encoded() ? 'e' : '-');
}

template <const char* const& provider>
std::string encode(std::string_view body)
{
    chat::Request request;
    chat::ApiError error;
    if (!completions::read_request(body, {}, request, error)) return told(error);
    dialects::EncodeOptions options;
    options.model = request.model_name;
    dialects::EncodedRequest out;
    const dialects::Dialect* dialect = providers::find(provider)->chat.dialect;
    return dialect->encode(request, options, out, error) ? out.body.str() + out.dropped.names() : told(error);
}

template <const char* const& provider>
relay::Options options()
{
    relay::Options o;
    o.dialect = providers::find(provider)->chat.dialect;
    o.answer.id = "chatcmpl-test";
    o.answer.model = "another";
    o.answer.include_usage = true;
    return o;
}

template <const char* const& provider>
std::string read_answer(std::string_view body)
{
    Rope out;
    relay::Seen seen;
    return relay::relay_answer(body, options<provider>(), out, seen) ? out.str() : told(seen.error);
}

template <const char* const& provider>
std::string read_error(std::string_view body)
{
    return told(providers::find(provider)->chat.dialect->decode_error(400, body));
}

template <const char* const& provider>
std::string read_stream(std::string_view stream)
{
    relay::Stream relay(options<provider>());
    Rope out = Rope::copying();
    Status s = relay.feed(stream, out);
    if (s.ok() && !relay.seen().error.set()) s = relay.end(out);
    return out.str().append(s.at) + told(relay.seen().error);
}

std::string play(std::string_view body)
{
    sandbox::Script script;
    if (!sandbox::read_script(body, script)) return "no request";
    std::string out;
    for (const std::string& piece : sandbox::write_answer(sandbox::Format::openai, script, 1)) out += piece;
    return out;
}

constexpr const char* kOpenAi = "openai";
constexpr const char* kAnthropic = "anthropic";
constexpr const char* kGemini = "gemini";

// Files of that name, or of one provider's.
std::vector<std::string> golden(const std::string& name, const std::string& provider = "")
{
    std::vector<std::string> out;
    for (const fs::path& folder : folders_with(fs::path("t/golden") / provider, name)) {
        out.push_back(read_file(folder / name));
    }
    EXPECT_FALSE(out.empty()) << name;
    return out;
}

std::vector<Row> rows()
{
    std::vector<std::string> json = json_seeds();
    std::vector<std::string> texts = {
        "  caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 cool\xc3 ",
        "hello",
        "18446744073709551615",
        "aGVsbG8gd29ybGQ=",
        "a token of printable characters that is longer than a register of the machine is, twice",
    };
    std::vector<std::string> times = {
        "1h2m59.56s",
        "6m0s. Visit",
        "26 seconds.",
        "1.5",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "2026-11-21T02:39:00.123+01:00",
    };
    std::vector<std::string> headers = times;
    headers.insert(headers.end(), {"text/event-stream; charset=utf-8", "application/json", "gzip", "req_0123456789",
                                   "0", "retry-after", "x-ratelimit-limit-tokens"});
    return {
        {"strict", parse_json<json::Mode::strict>, json},
        {"liberal", parse_json<json::Mode::liberal>, json},
        {"scan", scan_strings, json},
        {"text", parse_text, texts},
        {"times", parse_times, times},
        {"header", read_header, headers},
        {"events", read_events, golden("upstream_stream.sse")},
        {"request_openai", encode<kOpenAi>, golden("request.json")},
        {"request_anthropic", encode<kAnthropic>, golden("request.json")},
        {"request_gemini", encode<kGemini>, golden("request.json")},
        {"answer_openai", read_answer<kOpenAi>, golden("upstream_response.json", kOpenAi)},
        {"answer_anthropic", read_answer<kAnthropic>, golden("upstream_response.json", kAnthropic)},
        {"answer_gemini", read_answer<kGemini>, golden("upstream_response.json", kGemini)},
        {"stream_openai", read_stream<kOpenAi>, golden("upstream_stream.sse", kOpenAi)},
        {"stream_anthropic", read_stream<kAnthropic>, golden("upstream_stream.sse", kAnthropic)},
        {"stream_gemini", read_stream<kGemini>, golden("upstream_stream.sse", kGemini)},
        {"error_openai", read_error<kOpenAi>, golden("upstream_error.json", kOpenAi)},
        {"error_anthropic", read_error<kAnthropic>, golden("upstream_error.json", kAnthropic)},
        {"error_gemini", read_error<kGemini>, golden("upstream_error.json", kGemini)},
        {"sandbox", play, golden("request.json")},
    };
}

class Guard : public testing::TestWithParam<Row> {
protected:
    void expect_same(std::string_view text)
    {
        const std::string expected = GetParam().parse(std::string(text));
        for (Fence fence : {Fence::before, Fence::behind}) {
            Guarded guarded(text, fence);
            ASSERT_EQ(GetParam().parse(guarded.view()), expected) << text;
        }
    }
};

// Of the longer texts some, spread over all there are.
constexpr size_t kCutTexts = 12;
// Beyond what any vector, batch or token of interest spans.
constexpr size_t kEveryLength = 200;

TEST_P(Guard, WholeTexts)
{
    for (const std::string& text : GetParam().texts) {
        expect_same(text);
        if (HasFatalFailure()) return;
    }
}

TEST_P(Guard, EveryLength)
{
    const std::vector<std::string>& texts = GetParam().texts;
    size_t step = std::max<size_t>(texts.size() / kCutTexts, 1);
    for (size_t i = 0; i < texts.size(); i += step) {
        std::string_view text = texts[i];
        for (size_t n = 0; n <= std::min(text.size(), kEveryLength); n++) {
            expect_same(text.substr(0, n));
            expect_same(text.substr(0, text.size() - n));
            expect_same(text.substr(n));
            if (HasFatalFailure()) return;
        }
    }
}

std::string row_name(const testing::TestParamInfo<Row>& info)
{
    return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Parser, Guard, testing::ValuesIn(rows()), row_name);

// Strings of every length around the vector, the batch and the length at which
// one is kept from yajl, with what ends a vector's step early at every place.
TEST(GuardedStrings, EveryLengthAndPlace)
{
    constexpr size_t kLongest = 72;
    for (std::string_view odd : {"x", "\xc3\xa9", "\\n", "\\u00e9", "\x01"}) {
        for (size_t n = odd.size(); n <= kLongest; n++) {
            for (size_t at = 0; at + odd.size() <= n; at++) {
                std::string body(n, 's');
                body.replace(at, odd.size(), odd);
                for (Fence fence : {Fence::before, Fence::behind}) {
                    Guarded text('"' + body + '"', fence);
                    json::Document doc;
                    Status s = doc.parse(text.view(), json::Mode::strict);
                    ASSERT_EQ(s.ok(), odd != "\x01") << n << " with " << odd << " at " << at;
                    if (s.ok()) {
                        ASSERT_EQ(doc.root().body(), body);
                    }
                }
            }
        }
    }
}

}  // namespace

}  // namespace llm::test
