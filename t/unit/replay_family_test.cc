// Recordings of vendors that speak OpenAI's format, read with the quirks of
// their rows: whatever they leave out or say in another way, clients get chunks
// and answers as OpenAI writes them.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "exchange.hpp"
#include "providers/provider.hpp"
#include "recordings.hpp"

namespace llm::test {

namespace {

using json::Document;
using json::Mode;
using json::Value;

const std::map<std::string, std::string> kTypeOf = {
    {"cerebras", "cerebras"},
    {"deepseek", "deepseek"},
    {"groq", "groq"},
    {"mistral", "mistral"},
    {"moonshot", "moonshot"},
    {"ollama-openai-compat", "ollama"},
    {"openrouter", "openrouter"},
    {"perplexity", "perplexity"},
    {"qwen-dashscope", "qwen"},
    {"vllm-like", "vllm"},
    {"xai", "xai"},
    {"zai-glm", "zai"},
    {"azure-openai", "azure"},
    {"anthropic-openai-compat", "anthropic_openai"},
};

relay::Options options(const providers::Provider& row)
{
    Exchange x;
    x.dialect = row.chat.dialect;
    x.quirks = row.chat.quirks;
    relay::Options o = x.relay_options();
    o.answer.include_usage = true;
    return o;
}

// What of a choice does not depend on who wrote it.
void check_choice(const Value& choice, std::string_view body_name, std::set<uint64_t>& begun)
{
    const std::set<std::string> words = {"stop", "length", "tool_calls", "content_filter", "error"};
    if (const Value* reason = choice.get("finish_reason")) {
        EXPECT_TRUE(words.contains(reason->text())) << reason->raw();
    }
    const Value* body = choice.get(body_name);
    if (!body) return;
    EXPECT_EQ(body->get("reasoning"), nullptr);
    const Value* content = body->get("content");
    EXPECT_TRUE(!content || content->is_string());
    const Value* calls = body->get("tool_calls");
    if (!calls) return;
    ASSERT_TRUE(calls->is_array());
    uint64_t place = 0;
    for (const Value& call : *calls) {
        const Value* index = call.get("index");
        EXPECT_TRUE(index || body_name != "delta");
        uint64_t at = index ? *index->to_uint() : place++;
        const Value* id = call.get("id");
        if (begun.insert(at).second) {
            EXPECT_EQ(at, begun.size() - 1) << "calls are numbered from 0";
            EXPECT_TRUE(call.find("type")->is("function"));
            ASSERT_NE(id, nullptr);
        }
        EXPECT_TRUE(!id || !id->body().empty());
        const Value* name = call.find("function")->get("name");
        EXPECT_TRUE(!name || !name->body().empty());
        const Value* args = call.find("function")->get("arguments");
        EXPECT_TRUE(!args || args->is_string());
    }
}

std::string without_ends(const std::string& name)
{
    return name.substr(0, name.find('/'));
}

class ReplayFamily : public testing::Test {
protected:
    void SetUp() override
    {
        if (recordings_.size() > 0) return;
        RecordProperty("why", "no recordings beside the checkout");
        GTEST_SKIP() << "no recordings in " << recordings_root();
    }

    template <class Check>
    void for_each(Recording::Kind kind, Check check)
    {
        std::set<std::string> seen;
        for (const Recording& r : recordings_.of(kind)) {
            auto type = kTypeOf.find(without_ends(r.name));
            if (type == kTypeOf.end()) continue;
            const providers::Provider* row = providers::find(type->second);
            if (!row) continue;
            SCOPED_TRACE(r.name);
            check(r, *row);
            seen.insert(type->first);
        }
        EXPECT_GT(seen.size(), 3U);
    }

    Recordings recordings_;
};

TEST_F(ReplayFamily, ChunksAreOpenAisOwn)
{
    for_each(Recording::Kind::stream, [](const Recording& r, const providers::Provider& row) {
        relay::Seen seen;
        std::string client = stream_in_pieces(options(row), r.bytes, 0, seen);
        std::set<uint64_t> begun;
        bool role = false;
        for (const std::string& event : payloads(client)) {
            if (event == "[DONE]") continue;
            Document doc;
            ASSERT_TRUE(doc.parse(event, Mode::strict).ok()) << event;
            ASSERT_NE(doc.root().get("object"), nullptr) << event;
            EXPECT_TRUE(doc.root().get("object")->is("chat.completion.chunk")) << event;
            EXPECT_FALSE(doc.root().get("id")->body().empty());
            for (const Value& choice : *doc.root().find("choices")) {
                const Value* delta = choice.get("delta");
                role = role || (delta && delta->get("role"));
                check_choice(choice, "delta", begun);
            }
            if (const Value* usage = doc.root().get("usage")) {
                EXPECT_EQ(*usage->get("total_tokens")->to_uint(),
                          *usage->get("prompt_tokens")->to_uint() + *usage->get("completion_tokens")->to_uint());
            }
        }
        EXPECT_TRUE(role || !row.chat.quirks->answer.role);
        for (size_t size : {1, 7, 31}) {
            ASSERT_EQ(stream_in_pieces(options(row), r.bytes, size, seen), client) << "in pieces of " << size;
        }
    });
}

TEST_F(ReplayFamily, AnswersAreOpenAisOwn)
{
    for_each(Recording::Kind::answer, [](const Recording& r, const providers::Provider& row) {
        Rope out;
        relay::Seen seen;
        ASSERT_TRUE(relay::relay_answer(r.bytes, options(row), out, seen)) << seen.error.message;
        std::string client = out.str();
        Document doc;
        ASSERT_TRUE(doc.parse(client, Mode::strict).ok()) << client;
        EXPECT_TRUE(doc.root().get("object")->is("chat.completion"));
        for (const Value& choice : *doc.root().find("choices")) {
            std::set<uint64_t> begun;
            check_choice(choice, "message", begun);
        }
        const Value& usage = *doc.root().get("usage");
        EXPECT_EQ(*usage.get("total_tokens")->to_uint(), static_cast<uint64_t>(seen.usage.total()));
        EXPECT_EQ(*usage.get("completion_tokens")->to_uint(), static_cast<uint64_t>(seen.usage.completion));
    });
}

}  // namespace

}  // namespace llm::test
