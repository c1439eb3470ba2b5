// Recordings of Cohere, read and put together without the code under test.
#include <gtest/gtest.h>

#include "dialects/cohere/cohere.hpp"
#include "exchange.hpp"
#include "recordings.hpp"

namespace llm::test {

namespace {

using json::Document;
using json::Mode;
using json::Value;

struct Said {
    std::string text, reasoning;
    std::vector<std::string> arguments;
    bool operator==(const Said&) const = default;
};

std::string text_of(const Value* v)
{
    return v && v->is_string() ? v->text() : "";
}

// Of Cohere: a message, or the part of one that an event has.
void listen(const Value& message, Said& said)
{
    said.reasoning += text_of(message.get("tool_plan"));
    const Value* content = message.get("content");
    if (content && content->is_array()) {
        for (const Value& part : *content) {
            said.text += text_of(part.get("text"));
            said.reasoning += text_of(part.get("thinking"));
        }
    } else if (content) {
        said.text += text_of(content->get("text"));
        said.reasoning += text_of(content->get("thinking"));
    }
    const Value* calls = message.get("tool_calls");
    if (calls && calls->is_array()) {
        for (const Value& call : *calls) said.arguments.push_back(text_of(call.find("function")->get("arguments")));
    } else if (calls) {
        if (calls->get("id")) said.arguments.emplace_back();
        said.arguments.back() += text_of(calls->find("function")->get("arguments"));
    }
}

void expect_objects(Said& said)
{
    for (std::string& text : said.arguments) {
        if (text.empty() || text == "null") text = "{}";
    }
}

// Of what the client got.
void listen_to_client(const Value& body, Said& said)
{
    said.text += text_of(body.get("content"));
    said.reasoning += text_of(body.get("reasoning_content"));
    const Value* calls = body.get("tool_calls");
    if (!calls) return;
    uint64_t place = 0;
    for (const Value& call : *calls) {
        const Value* index = call.get("index");
        uint64_t at = index ? *index->to_uint() : place++;
        if (at >= said.arguments.size()) said.arguments.resize(at + 1);
        said.arguments[at] += text_of(call.find("function")->get("arguments"));
    }
}

relay::Options options()
{
    Exchange x;
    x.dialect = &cohere::kDialect;
    relay::Options o = x.relay_options();
    o.answer.include_usage = true;
    o.decode.hints.model = "command-a";
    return o;
}

std::vector<fs::path> recordings(const std::string& end)
{
    std::vector<fs::path> out;
    fs::path folder = recordings_root() / "cohere";
    if (!fs::exists(folder)) return out;
    for (const auto& entry : fs::directory_iterator(folder)) {
        std::string name = entry.path().filename();
        if (name.ends_with(end) && name.find("embedding") == name.npos) out.push_back(entry.path());
    }
    return out;
}

class ReplayCohere : public testing::Test {
protected:
    void SetUp() override
    {
        if (!recordings(".json").empty()) return;
        RecordProperty("why", "no recordings beside the checkout");
        GTEST_SKIP() << "no recordings in " << recordings_root();
    }
};

TEST_F(ReplayCohere, Streams)
{
    for (const fs::path& path : recordings(".chunks.jsonl")) {
        SCOPED_TRACE(path);
        std::string lines = read_file(path), stream;
        Said recorded;
        int64_t total = 0;
        for (size_t at = 0; at < lines.size();) {
            size_t end = std::min(lines.find('\n', at), lines.size());
            std::string event = lines.substr(at, end - at);
            at = end + 1;
            if (event.empty()) continue;
            stream += "data: " + event + "\n\n";
            Document doc;
            ASSERT_TRUE(doc.parse(event, Mode::strict).ok());
            const Value* delta = doc.root().get("delta");
            if (!delta) continue;
            const Value* message = delta->get("message");
            if (message && !doc.root().find("type")->is("message-start")) listen(*message, recorded);
            if (const Value* usage = delta->get("usage")) {
                const Value& tokens = *usage->find("tokens");
                total = static_cast<int64_t>(*tokens.find("input_tokens")->to_uint() +
                                             *tokens.find("output_tokens")->to_uint());
            }
        }
        expect_objects(recorded);
        relay::Seen seen;
        std::string client = stream_in_pieces(options(), stream, 0, seen);
        Said said;
        for (const std::string& event : payloads(client)) {
            if (event == "[DONE]") continue;
            Document doc;
            ASSERT_TRUE(doc.parse(event, Mode::strict).ok()) << event;
            for (const Value& choice : *doc.root().find("choices")) listen_to_client(*choice.find("delta"), said);
        }
        EXPECT_EQ(said.text, recorded.text);
        EXPECT_EQ(said.reasoning, recorded.reasoning);
        EXPECT_EQ(said.arguments, recorded.arguments);
        EXPECT_TRUE(seen.complete && seen.finished && seen.content);
        EXPECT_EQ(seen.usage.total(), total);
        for (size_t size = 1; size < 32; size++) {
            ASSERT_EQ(stream_in_pieces(options(), stream, size, seen), client) << "in pieces of " << size;
        }
    }
}

TEST_F(ReplayCohere, Answers)
{
    for (const fs::path& path : recordings(".json")) {
        SCOPED_TRACE(path);
        std::string body = read_file(path);
        Document recording, doc;
        ASSERT_TRUE(recording.parse(body, Mode::strict).ok());
        Said recorded, said;
        listen(*recording.root().find("message"), recorded);
        expect_objects(recorded);
        Rope out;
        relay::Seen seen;
        ASSERT_TRUE(relay::relay_answer(body, options(), out, seen)) << seen.error.message;
        std::string client = out.str();
        ASSERT_TRUE(doc.parse(client, Mode::strict).ok()) << client;
        const Value& choice = *doc.root().find("choices")->begin();
        listen_to_client(*choice.find("message"), said);
        EXPECT_EQ(said.text, recorded.text);
        EXPECT_EQ(said.reasoning, recorded.reasoning);
        EXPECT_EQ(said.arguments, recorded.arguments);
        EXPECT_TRUE(doc.root().find("model")->is("command-a"));
        EXPECT_TRUE(seen.complete && seen.finished);
        EXPECT_LE(seen.usage.cache_read, seen.usage.prompt);
    }
}

TEST_F(ReplayCohere, Embeddings)
{
    std::string body = read_file(recordings_root() / "cohere" / "cohere-embedding.json");
    struct Sink final : chat::EmbeddingsSink {
        std::vector<std::string> vectors;
        chat::Usage counted;
        Status put(size_t index, const Value& embedding) override
        {
            EXPECT_EQ(index, vectors.size());
            vectors.emplace_back(embedding.raw());
            return kOk;
        }
        void model(const Value&) override {}
        void usage(const chat::Usage& usage) override { counted = usage; }
    } sink;
    ASSERT_TRUE(cohere::kEmbeddings.decode(body, {}, sink).ok());
    ASSERT_EQ(sink.vectors.size(), 2U);
    EXPECT_TRUE(sink.vectors[0].starts_with("[0.03302002, "));
    EXPECT_EQ(sink.counted.prompt, 10);
}

}  // namespace

}  // namespace llm::test
