// Memory runs out at the n-th allocation, for every n of whole cases: the core
// says so, by std::bad_alloc, or has done without. It never says anything
// wrong, and what it has built up to there is taken down without a leak.
#include <gtest/gtest.h>

#include <functional>
#include <new>

#include "client/completions/completions.hpp"
#include "exchange.hpp"
#include "failing_memory.hpp"
#include "files.hpp"
#include "json/document.hpp"
#include "providers/provider.hpp"
#include "sandbox/sandbox.hpp"
#include "wire/reply_head.hpp"

namespace llm::test {

namespace {

enum class Outcome : uint8_t { done, out_of_memory };

// Calls `work` with memory that fails at every n in turn, for once and for
// good, and then `check` with what has become of it, until n is beyond the last
// allocation. Returns how many there are.
template <class Work, class Check>
size_t for_each_failure(Work work, Check check)
{
    for (size_t n = 1;; n++) {
        for (bool for_good : {false, true}) {
            FailingMemory memory(n, for_good);
            Outcome outcome = Outcome::done;
            try {
                work();
            } catch (const std::bad_alloc&) {
                outcome = Outcome::out_of_memory;
            }
            memory.stop();
            check(outcome);
            if (testing::Test::HasFatalFailure()) {
                ADD_FAILURE() << "at allocation " << n << (for_good ? " and all behind it" : "");
                return n;
            }
            if (!memory.failed()) return n - 1;
        }
    }
}

// A text that is made in one go: it is right or it is not there at all.
size_t expect_right_or_none(const std::string& expected, const std::function<void(std::string&)>& make)
{
    std::string out;
    return for_each_failure(
        [&] {
            out.clear();
            out.shrink_to_fit();
            make(out);
        },
        [&](Outcome outcome) {
            if (outcome == Outcome::done) {
                ASSERT_EQ(out, expected);
            }
        });
}

class OutOfMemory : public testing::TestWithParam<fs::path> {
protected:
    bool has(const std::string& name) const { return fs::exists(GetParam() / name); }
    std::string load(const std::string& name) const { return read_file(GetParam() / name); }

    void SetUp() override
    {
        provider_ = providers::find(GetParam().parent_path().filename().string());
        ASSERT_NE(provider_, nullptr);
        x_.dialect = provider_->chat.dialect;
        x_.quirks = provider_->chat.quirks;
        if (has("case.json")) read_case();
        encoded_ = x_.encode(load("request.json"));
    }

    void read_case()
    {
        std::string text = load("case.json");
        json::Document doc;
        ASSERT_TRUE(doc.parse(text, json::Mode::strict).ok());
        if (const json::Value* v = doc.root().get("model")) x_.target_model = v->text();
        if (const json::Value* v = doc.root().get("reject")) x_.reject_unsupported = v->is_true();
        if (const json::Value* v = doc.root().get("rename_model")) x_.rename_model = v->is_true();
    }

    static std::string told(const chat::ApiError& e) { return std::to_string(e.status()) + completions::error_body(e); }

    void check_request()
    {
        const std::string body = load("request.json");
        const std::string expected = encoded_ ? x_.upstream : told(x_.error);
        expect_right_or_none(expected, [&](std::string& out) {
            Exchange x;
            x.dialect = x_.dialect;
            x.quirks = x_.quirks;
            x.target_model = x_.target_model;
            x.reject_unsupported = x_.reject_unsupported;
            out = x.encode(body) ? x.upstream : told(x.error);
        });
    }

    void check_answer()
    {
        const std::string body = load("upstream_response.json");
        auto relay = [&](std::string& out) {
            Rope answer;
            relay::Seen seen;
            out = relay::relay_answer(body, x_.relay_options(), answer, seen) ? answer.str() : told(seen.error);
        };
        std::string expected;
        relay(expected);
        expect_right_or_none(expected, relay);
    }

    void check_error()
    {
        const std::string body = load("upstream_error.json");
        auto decode = [&](std::string& out) { out = told(providers::decode_error(provider_->chat, 429, body)); };
        std::string expected;
        decode(expected);
        expect_right_or_none(expected, decode);
    }

    // What has been written when memory runs out are whole events, the first of
    // those there would have been, and one that tells of the failure can follow.
    void check_stream(size_t piece_size)
    {
        const std::string stream = load("upstream_stream.sse");
        const relay::Options options = x_.relay_options();
        relay::Seen seen;
        const std::string whole = stream_in_pieces(options, stream, piece_size, seen);
        const std::string complete = seen.error.set() ? whole.substr(0, whole.rfind("data: ")) : whole;

        std::unique_ptr<relay::Stream> relay;
        Rope out;
        for_each_failure(
            [&] {
                relay.reset();
                out = Rope::copying();
                relay = std::make_unique<relay::Stream>(options);
                feed(*relay, stream, piece_size, out);
            },
            [&](Outcome outcome) {
                std::string text = out.str();
                if (outcome == Outcome::done) {
                    ASSERT_EQ(text, whole);
                    return;
                }
                ASSERT_EQ(complete.substr(0, text.size()), text);
                ASSERT_TRUE(text.empty() || text.ends_with("\n\n")) << text;
                if (!relay) return;
                relay->fail(make_error(chat::ErrorClass::internal, "out of memory"), out);
                expect_one_error_chunk(std::string_view(out.str()).substr(text.size()));
            });
    }

    static void feed(relay::Stream& relay, std::string_view stream, size_t size, Rope& out)
    {
        if (size == 0) size = stream.size();
        Status status;
        while (!stream.empty() && status.ok() && !relay.seen().error.set()) {
            std::string_view piece = stream.substr(0, size);
            stream.remove_prefix(piece.size());
            status = relay.feed(piece, out);
        }
        if (status.ok() && !relay.seen().error.set()) status = relay.end(out);
        if (relay.seen().error.set()) return relay.fail(chat::ApiError(relay.seen().error), out);
        if (!status.ok()) relay.fail(relay::error_of(status), out);
    }

    static void expect_one_error_chunk(std::string_view event)
    {
        ASSERT_TRUE(event.starts_with("data: ") && event.find("\n\n") == event.size() - 2) << event;
        json::Document doc;
        std::string_view data = event.substr(6, event.size() - 8);
        ASSERT_TRUE(doc.parse(data, json::Mode::strict).ok()) << event;
        const json::Value* choices = doc.root().get("choices");
        ASSERT_TRUE(choices && choices->size() == 1) << event;
        ASSERT_TRUE(choices->begin()->find("finish_reason")->is("error")) << event;
        ASSERT_TRUE(doc.root().get("id") && doc.root().get("model") && doc.root().get("error")) << event;
    }

    const providers::Provider* provider_ = nullptr;
    Exchange x_;
    bool encoded_ = false;
};

TEST_P(OutOfMemory, Case)
{
    check_request();
    if (has("upstream_response.json")) check_answer();
    if (has("upstream_error.json")) check_error();
    if (has("upstream_stream.sse")) {
        check_stream(0);
        check_stream(61);
    }
}

std::string case_name(const testing::TestParamInfo<fs::path>& info)
{
    std::string name = info.param.parent_path().filename().string() + '_' + info.param.filename().string();
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Folder, OutOfMemory, testing::ValuesIn(folders_with("t/golden", "request.json")), case_name);

// Without allocations to fail the tests above would be none.
TEST(OutOfMemoryLoop, ReachesEveryAllocation)
{
    std::string body = R"({"model":"m","messages":[{"role":"user","content":"hi"}]})";
    FailingMemory memory(0);
    Exchange x;
    x.dialect = providers::find("anthropic")->chat.dialect;
    bool good = x.encode(body);
    memory.stop();
    size_t count = memory.count();
    EXPECT_TRUE(good);
    EXPECT_GT(count, 5U);
    size_t reached = expect_right_or_none(x.upstream, [&](std::string& out) {
        Exchange again;
        again.dialect = x.dialect;
        out = again.encode(body) ? again.upstream : "refused";
    });
    EXPECT_GE(reached, count);
}

TEST(OutOfMemoryLoop, HeadsOfProviders)
{
    const std::string value(40, 'v');
    const std::vector<providers::Header> headers = {{"traceparent", value}, {"x-trace", value}};
    for (const providers::Provider& provider : providers::all()) {
        auto write = [&](std::string& out) {
            providers::RequestHead head;
            head.host = "host.of.the.provider";
            std::string path = providers::fill_path(provider.chat.path, {.model = "a/model"});
            head.path = path;
            head.key = "sk-0123456789012345678901234567890123456789";
            head.headers = headers;
            head.content_length = 42;
            providers::write_head(provider, head, out);
            std::string quoted = "the key sk-0123456789012345678901234567890123456789 is not known";
            providers::hide_secrets(out, quoted);
            out += quoted;
        };
        std::string expected;
        write(expected);
        EXPECT_GT(expect_right_or_none(expected, write), 1U);
    }
}

TEST(OutOfMemoryLoop, HeadsOfAnswers)
{
    auto read = [](std::string& out) {
        wire::ReplyHead head(1'700'000'000'000);
        head.header("content-type", "text/event-stream; charset=utf-8");
        head.header("x-request-id", "req_0123456789012345678901234567890123456789");
        head.header("x-ratelimit-limit-requests", "10000000000000000000000000000000");
        head.header("anthropic-ratelimit-tokens-reset", "2023-11-14T22:14:20Z");
        head.header("anthropic-ratelimit-tokens-remaining", "0");
        head.header("retry-after", "Tue, 14 Nov 2023 22:14:20 GMT");
        out = std::to_string(head.retry_after_ms()) + head.request_id();
        for (const std::string& value : head.limits().values) out += '|' + value;
    };
    std::string expected;
    read(expected);
    EXPECT_GT(expect_right_or_none(expected, read), 1U);
}

TEST(OutOfMemoryLoop, Sandbox)
{
    const std::string body =
        R"({"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user",)"
        R"("content":"some words, more than a string holds in itself"}],"tools":[{"type":"function",)"
        R"("function":{"name":"words","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}]})";
    for (sandbox::Format format : {sandbox::Format::openai, sandbox::Format::anthropic}) {
        auto answer = [&](std::string& out) {
            sandbox::Script script;
            if (!sandbox::read_script(body, script)) out = "no request";
            for (const std::string& piece : sandbox::write_answer(format, script, 1'700'000'000)) out += piece;
            out += sandbox::write_error(format, 529);
        };
        std::string expected;
        answer(expected);
        EXPECT_GT(expect_right_or_none(expected, answer), 10U);
    }
}

}  // namespace

}  // namespace llm::test
