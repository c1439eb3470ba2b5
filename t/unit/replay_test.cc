// Recorded exchanges, replayed through the whole of the core.
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <set>

#include "client/completions/completions.hpp"
#include "exchange.hpp"
#include "json_text.hpp"
#include "recordings.hpp"

namespace llm::test {

namespace {

using json::Document;
using json::Mode;
using json::Value;

constexpr size_t kMaxPiece = 31;

// What an answer says, put together without the code under test.
struct Said {
    std::string text, reasoning;
    std::map<uint64_t, std::string> arguments;  // by call
    std::string error;                          // message
    bool failed = false;
    std::map<std::string, int64_t> usage;
    bool compacted = false;  // the totals do not hold the whole bill

    int64_t count(const std::string& name) const
    {
        auto at = usage.find(name);
        return at == usage.end() ? 0 : at->second;
    }

    void take_usage(const Value* v)
    {
        if (!v) return;
        for (const Value& m : *v) {
            if (std::optional<uint64_t> n = m.to_uint()) usage[std::string(m.key())] = static_cast<int64_t>(*n);
            if (m.is_object()) take_usage(&m);
        }
        compacted = compacted || v->raw().find("\"compaction\"") != std::string_view::npos;
    }

    void fail(const Value& e)
    {
        failed = true;
        error = e.find("message")->text();
    }
};

std::string member(const Value& object, std::string_view name)
{
    const Value* v = object.get(name);
    return v ? v->text() : "";
}

// A chunk (`delta`) or an answer (`message`) of chat completions.
void listen_to_choices(const Value& root, std::string_view body_name, Said& said)
{
    if (const Value* error = root.get("error")) return said.fail(*error);
    said.take_usage(root.get("usage"));
    for (const Value& choice : *root.find("choices")) {
        const Value* body = choice.get(body_name);
        if (!body) continue;
        const Value* content = body->get("content");
        if (content && content->is_array()) {
            for (const Value& part : *content) said.text += member(part, "text");
        } else {
            said.text += member(*body, "content");
        }
        said.reasoning += member(*body, "reasoning_content") + member(*body, "reasoning");
        const Value* calls = body->get("tool_calls");
        if (!calls) continue;
        uint64_t place = 0;
        for (const Value& call : *calls) {
            const Value* index = call.get("index");
            said.arguments[index ? *index->to_uint() : place++] += member(*call.find("function"), "arguments");
        }
    }
}

// A block of an Anthropic answer, or the start of one in a stream.
void listen_to_block(const Value& block, Said& said)
{
    const Value& type = *block.find("type");
    if (type.is("text")) said.text += member(block, "text");
    if (type.is("thinking")) said.reasoning += member(block, "thinking");
    if (type.is("tool_use")) said.arguments[said.arguments.size()] = without_blanks(block.find("input")->raw());
}

void listen_to_event(const Value& root, Said& said)
{
    const Value& type = *root.find("type");
    if (type.is("error")) return said.fail(*root.find("error"));
    if (type.is("message_start")) said.take_usage(root.find("message")->get("usage"));
    if (type.is("message_delta")) said.take_usage(root.get("usage"));
    if (type.is("content_block_start")) listen_to_block(*root.find("content_block"), said);
    if (!type.is("content_block_delta")) return;
    const Value& delta = *root.find("delta");
    said.text += member(delta, "text");
    said.reasoning += member(delta, "thinking");
    std::string piece = member(delta, "partial_json");
    if (piece.empty()) return;
    std::string& arguments = said.arguments.rbegin()->second;
    if (arguments == "{}") arguments.clear();  // pieces follow an empty input
    arguments += piece;
}

// Arguments in pieces, whose paths all are `$.name` in the recordings.
void listen_to_pieces(const Value& call, std::string& arguments)
{
    const Value* pieces = call.get("partialArgs");
    if (!pieces) {  // the end
        arguments += "\"}";
        return;
    }
    for (const Value& piece : *pieces) {
        if (arguments == "{") arguments += '"' + member(piece, "jsonPath").substr(2) + "\":\"";
        arguments += member(piece, "stringValue");
    }
}

// A fragment of a Gemini answer, or all of it.
void listen_to_fragment(const Value& root, Said& said)
{
    if (const Value* error = root.get("error")) return said.fail(*error);
    said.take_usage(root.get("usageMetadata"));
    const Value* content = root.find("candidates")->begin()->get("content");
    if (!content) return;
    for (const Value& part : *content->find("parts")) {
        const Value* thought = part.get("thought");
        (thought && thought->is_true() ? said.reasoning : said.text) += member(part, "text");
        const Value* call = part.get("functionCall");
        if (!call) continue;
        if (!call->get("name")) {
            listen_to_pieces(*call, said.arguments.rbegin()->second);
            continue;
        }
        const Value* args = call->get("args");
        said.arguments[said.arguments.size()] = args                        ? without_blanks(args->raw())
                                                : call->get("willContinue") ? "{"
                                                                            : "{}";
    }
}

using Listener = void (*)(const Value&, Said&);

Said listen(const std::vector<std::string>& events, Listener listener)
{
    Said said;
    for (const std::string& event : events) {
        if (event == "[DONE]" || said.failed) continue;
        Document doc;
        EXPECT_TRUE(doc.parse(event, Mode::liberal).ok()) << event;
        listener(doc.root(), said);
    }
    return said;
}

void chunk_listener(const Value& root, Said& said)
{
    listen_to_choices(root, "delta", said);
}

// Usage for those who asked, in a chunk without choices.
bool is_usage_chunk(const std::string& event)
{
    Document doc;
    if (!doc.parse(event, Mode::liberal).ok()) return false;
    const Value* choices = doc.root().get("choices");
    return doc.root().get("usage") && choices && choices->size() == 0;
}

class Replay : public testing::Test {
protected:
    static void SetUpTestSuite() { recordings_ = std::make_unique<Recordings>(); }
    static void TearDownTestSuite()
    {
        if (!replayed_.empty()) std::cout << "replayed " << replayed_.size() << " recordings\n";
        recordings_.reset();
    }

    void SetUp() override
    {
        if (recordings_->size() > 0) return;
        RecordProperty("why", "no recordings beside the checkout");  // for the summary
        GTEST_SKIP() << "no recordings in " << recordings_root();
    }

    template <class Check>
    void for_each(Recording::Kind kind, Check check)
    {
        for (const Recording& r : recordings_->of(kind)) {
            SCOPED_TRACE(r.name);
            check(r);
            replayed_.insert(r.name);
        }
    }

    static relay::Options options(const Recording& r, bool include_usage)
    {
        Exchange x;
        x.dialect = r.dialect;
        relay::Options o = x.relay_options();
        o.answer.include_usage = include_usage;
        return o;
    }

    static bool is_openai(const Recording& r) { return r.dialect == &openai::kDialect; }
    static bool is_gemini(const Recording& r) { return r.dialect == &gemini::kDialect; }
    static Listener listener(const Recording& r)
    {
        return is_openai(r) ? chunk_listener : is_gemini(r) ? listen_to_fragment : listen_to_event;
    }

    static void listen_to_answer(const Recording& r, const Value& root, Said& said)
    {
        if (is_gemini(r)) return listen_to_fragment(root, said);
        said.take_usage(root.get("usage"));
        for (const Value& block : *root.find("content")) listen_to_block(block, said);
    }

    static void expect_usage(const Recording& r, const Said& said, const chat::Usage& usage)
    {
        EXPECT_EQ(usage.known, !said.usage.empty());
        if (is_openai(r)) {
            EXPECT_EQ(usage.prompt, said.count("prompt_tokens"));
            EXPECT_EQ(usage.total(), said.count("total_tokens"));
            EXPECT_EQ(usage.cache_read, said.count("cached_tokens"));
            EXPECT_EQ(usage.reasoning, said.count("reasoning_tokens"));
        } else if (is_gemini(r)) {
            EXPECT_EQ(usage.prompt, said.count("promptTokenCount"));
            EXPECT_EQ(usage.total(), said.count("totalTokenCount"));
            EXPECT_EQ(usage.reasoning, said.count("thoughtsTokenCount"));
        } else if (!said.compacted) {
            EXPECT_EQ(usage.cache_read, said.count("cache_read_input_tokens"));
            EXPECT_EQ(usage.cache_write, said.count("cache_creation_input_tokens"));
            EXPECT_EQ(usage.prompt, said.count("input_tokens") + usage.cache_read + usage.cache_write);
            EXPECT_EQ(usage.completion, said.count("output_tokens"));
        } else {
            EXPECT_GT(usage.total(), said.count("input_tokens") + said.count("output_tokens"));
        }
        EXPECT_LE(usage.reasoning, usage.completion);
        EXPECT_LE(usage.cache_read + usage.cache_write, usage.prompt);
    }

    static inline std::unique_ptr<Recordings> recordings_;
    static inline std::set<std::string> replayed_;
};

// What the client reads ends as the provider's stream ended.
void expect_end(const std::string& client, const Said& recorded, const relay::Seen& seen)
{
    bool done = client.ends_with("data: [DONE]\n\n");
    EXPECT_EQ(seen.error.set(), recorded.failed);
    EXPECT_EQ(seen.complete, !recorded.failed);
    EXPECT_EQ(done, !recorded.failed);
    EXPECT_TRUE(seen.content);
    if (!recorded.failed) return;
    EXPECT_EQ(seen.error.message, recorded.error);
    EXPECT_EQ(client.find("[DONE]"), client.npos);
    Document last;
    std::string event = payloads(client).back();
    ASSERT_TRUE(last.parse(event, Mode::strict).ok());
    EXPECT_TRUE(last.root().find("choices")->begin()->find("finish_reason")->is("error"));
    EXPECT_EQ(last.root().find("error")->find("message")->text(), recorded.error);
}

// Same format: the provider's own events, one for one.
void expect_same_events(const std::vector<std::string>& recorded, std::vector<std::string> client, bool failed,
                        bool include_usage)
{
    if (failed) client.pop_back();  // the error is told in the gateway's words
    size_t at = 0;
    for (const std::string& event : recorded) {
        if (!include_usage && is_usage_chunk(event)) continue;
        if (at == client.size()) {
            EXPECT_TRUE(failed) << "missing: " << event;
            return;
        }
        EXPECT_EQ(client[at++], event);
    }
    EXPECT_EQ(at, client.size());
}

TEST_F(Replay, Streams)
{
    for_each(Recording::Kind::stream, [](const Recording& r) {
        std::vector<std::string> events = payloads(r.bytes);
        Said recorded = listen(events, listener(r));
        for (bool include_usage : {true, false}) {
            relay::Options o = options(r, include_usage);
            relay::Seen seen;
            std::string client = stream_in_pieces(o, r.bytes, 0, seen);
            expect_end(client, recorded, seen);
            if (!recorded.failed) expect_usage(r, recorded, seen.usage);

            Said said = listen(payloads(client), chunk_listener);
            EXPECT_EQ(said.text, recorded.text);
            EXPECT_EQ(said.arguments, recorded.arguments);
            EXPECT_EQ(said.reasoning, recorded.reasoning);
            if (is_openai(r)) {
                expect_same_events(events, payloads(client), recorded.failed, include_usage);
            } else {
                EXPECT_EQ(said.usage.empty(), !include_usage);
                EXPECT_EQ(said.count("total_tokens"), include_usage ? seen.usage.total() : 0);
            }
        }
        relay::Options o = options(r, true);
        relay::Seen seen;
        std::string whole = stream_in_pieces(o, r.bytes, 0, seen);
        for (size_t size = 1; size <= kMaxPiece; size++) {
            ASSERT_EQ(stream_in_pieces(o, r.bytes, size, seen), whole) << "in pieces of " << size;
        }
    });
}

// However early a stream breaks off, nobody is told that it was complete.
TEST_F(Replay, BrokenStreams)
{
    for_each(Recording::Kind::stream, [](const Recording& r) {
        relay::Options o = options(r, true);
        relay::Seen seen;
        std::string whole = stream_in_pieces(o, r.bytes, 0, seen);
        for (size_t tenth = 0; tenth < 10; tenth++) {
            std::string client = stream_in_pieces(o, r.bytes.substr(0, r.bytes.size() * tenth / 10), 0, seen);
            if (seen.complete) {
                EXPECT_TRUE(seen.finished);
                continue;
            }
            ASSERT_TRUE(seen.error.set() || !client.empty());
            EXPECT_EQ(client.find("[DONE]"), client.npos) << tenth;
            EXPECT_NE(client.find(R"("finish_reason":"error")"), client.npos) << tenth;
        }
    });
}

// Under the name the client asked for, every chunk is the same but for that.
TEST_F(Replay, RenamedStreams)
{
    for_each(Recording::Kind::stream, [](const Recording& r) {
        relay::Options o = options(r, true);
        relay::Seen seen;
        std::vector<std::string> plain = payloads(stream_in_pieces(o, r.bytes, 0, seen));
        o.answer.model = "asked/\"for\"";
        std::vector<std::string> renamed = payloads(stream_in_pieces(o, r.bytes, 0, seen));
        ASSERT_EQ(renamed.size(), plain.size());
        for (size_t i = 0; i < plain.size(); i++) {
            if (plain[i] == "[DONE]") continue;
            Document before, after;
            ASSERT_TRUE(before.parse(plain[i], Mode::strict).ok() && after.parse(renamed[i], Mode::strict).ok());
            std::string_view old = before.root().find("model")->raw();
            if (old == R"("")") continue;  // Azure's first chunk has no name
            EXPECT_TRUE(after.root().find("model")->is(o.answer.model));
            plain[i].replace(static_cast<size_t>(old.data() - plain[i].data()), old.size(), R"("asked/\"for\"")");
            EXPECT_EQ(renamed[i], plain[i]);
        }
    });
}

TEST_F(Replay, Answers)
{
    for_each(Recording::Kind::answer, [](const Recording& r) {
        Rope out;
        relay::Seen seen;
        ASSERT_TRUE(relay::relay_answer(r.bytes, options(r, false), out, seen)) << seen.error.message;
        EXPECT_TRUE(seen.complete && seen.finished && seen.content);
        std::string client = out.str();
        Document doc, recording;
        ASSERT_TRUE(doc.parse(client, Mode::strict).ok());
        ASSERT_TRUE(recording.parse(r.bytes, Mode::strict).ok());

        Said said, recorded;
        listen_to_choices(doc.root(), "message", said);
        if (is_openai(r)) {
            EXPECT_EQ(client, r.bytes);
            listen_to_choices(recording.root(), "message", recorded);
        } else {
            listen_to_answer(r, recording.root(), recorded);
            EXPECT_EQ(said.text, recorded.text);
            EXPECT_EQ(said.arguments, recorded.arguments);
            EXPECT_EQ(said.reasoning, recorded.reasoning);
            EXPECT_EQ(member(doc.root(), "id"), member(recording.root(), is_gemini(r) ? "responseId" : "id"));
            EXPECT_EQ(member(doc.root(), "model"), member(recording.root(), is_gemini(r) ? "modelVersion" : "model"));
            EXPECT_EQ(said.count("total_tokens"), said.count("prompt_tokens") + said.count("completion_tokens"));
            EXPECT_EQ(said.count("total_tokens"), seen.usage.total());
        }
        ASSERT_GE(doc.root().find("choices")->size(), 1U);
        expect_usage(r, recorded, seen.usage);
    });
}

TEST_F(Replay, Errors)
{
    using chat::ErrorClass;
    for_each(Recording::Kind::error, [](const Recording& r) {
        Document doc;
        ASSERT_TRUE(doc.parse(r.bytes, Mode::strict).ok());
        const Value& error = *doc.root().find("error");
        chat::ApiError told = r.dialect->decode_error(r.status, r.bytes);
        EXPECT_EQ(told.kind, r.status == 404   ? ErrorClass::upstream_model
                             : r.status == 429 ? ErrorClass::upstream_rate_limited
                                               : ErrorClass::upstream_rejected);
        EXPECT_EQ(told.message, error.find("message")->text());
        EXPECT_EQ(told.status(), r.status);
        EXPECT_EQ(told.param, member(error, "param"));
        // An error body that comes with a 200 is no answer either.
        Rope out;
        relay::Seen seen;
        EXPECT_FALSE(relay::relay_answer(r.bytes, options(r, false), out, seen));
        EXPECT_EQ(seen.error.message, told.message);
        EXPECT_TRUE(out.empty());
    });
}

}  // namespace

}  // namespace llm::test
