// What translation does not have to change is forwarded byte for byte, and a
// conversation that grows keeps the bytes it began with: that is what prompt
// caches live on.
#include <gtest/gtest.h>

#include <vector>

#include "dialects/anthropic/anthropic.hpp"
#include "dialects/gemini/gemini.hpp"
#include "dialects/openai/openai.hpp"
#include "exchange.hpp"

namespace llm::test {

namespace {

using json::Document;
using json::Value;

// A body is kept in the Exchange: what it encodes points into that.
struct Encoded : Exchange {
    Encoded(const dialects::Dialect& d, std::string client_body, std::string model = {})
    {
        dialect = &d;
        target_model = std::move(model);
        EXPECT_TRUE(encode(std::move(client_body))) << error.message << "\n" << body;
    }
};

// Requests as clients write them, and as nobody expects them.
const std::string kCorpus[] = {
    R"({"model":"m","messages":[{"role":"user","content":"hi"}]})",

    "{\r\n\t\"model\" : \"m\" ,\r\n\t\"messages\" : [ { \"role\" : \"user\" , \"content\" : \"spaced  out\" } ] }\n",

    R"({"messages":[{"content":"keys in another order","role":"user"}],"temperature":0.10,"model":"m"})",

    R"({"model":"m","messages":[{"role":"user","content":"\u00e9 \ud83d\ude00 \/ \u0041 \"q\" \\ \n"},)"
    R"({"role":"assistant","content":"\ud800 alone"},{"role":"user","content":"go"}]})",

    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 "
    "\x7f\"}]}",

    R"({"model":"m","messages":[{"role":"user","content":"x"}],"temperature":1.0e+0,"top_k":5E1,"max_tokens":1e2})",

    R"({"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":100,"stop":[ "a" ,"\u0062"]})",

    R"({"model":"m","tools":[{"type":"function","function":{"name":"f","description":"d\u0020e","parameters":)"
    R"({ "type" : "object", "required":["z","a"],  "properties":{"z":{"type":"number","minimum":1.0e+2,)"
    R"("maximum":1E400},)"
    R"("a":{"enum":[0.10,-0,1e-7,123456789012345678901234567890]} } , "additionalProperties" : false }}}],)"
    R"("messages":[{"role":"user","content":"x"}]})",

    R"({"model":"m","tools":[{"type":"function","function":{"parameters":{"$schema":"http:\/\/json-schema.org\/x",)"
    R"("type":"object",)"
    R"("properties":{"\u006bey":{"type":"string","pattern":"^\\d+$","description":"caf\u00e9"},"":{}},"allOf":[{},)"
    R"({}]},"name":"odd"}},)"
    R"({"type":"function","function":{"name":"g","parameters":{"type":"object","properties":{}}}}],)"
    R"("messages":[{"role":"user","content":"x"}]})",

    R"({"model":"m","messages":[{"role":"user","content":"weather?"},{"role":"assistant","content":null,"tool_calls":)"
    R"([{"id":"call_1","type":"function","function":{"name":"f","arguments":"{ \"city\" : \"S\u00e3o Paulo\",)"
    R"(\"n\":1.0e+2, \"deep\":{\"b\":1,\"a\":[ ]} }"}},)"
    R"({"id":"call_2","type":"function","function":{"name":"f","arguments":"{\"q\":\"a\\\"b\\u00e9\"}"}}]},)"
    R"({"role":"tool","tool_call_id":"call_1","content":"{\"temp\" : 21.50}"},)"
    R"({"role":"tool","tool_call_id":"call_2","content":[{"type":"text","text":"part \u0031"},{"type":"text",)"
    R"("text":"2"}]}]})",

    R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url",)"
    R"("image_url":)"
    R"({"url":"data:image/png;base64,iVBORw0KGgo+/AAAA=="}},{"type":"image_url",)"
    R"("image_url":{"url":"https://example.com/a.png?x=1&y=%20"}}]}]})",

    R"({"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf",)"
    R"("file_data":"data:application/pdf;base64,JVBERi0xLjQ="}}]}]})",

    R"({"model":"m","messages":[{"role":"system","content":"be\u00a0brief "},{"role":"user",)"
    R"("content":[{"type":"text","text":"cached",)"
    R"("cache_control":{ "type":"ephemeral" , "ttl":"1h" }}]}]})",

    R"({"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y","thinking_blocks":)"
    R"([{"type":"thinking","thinking":"let me \u2026\n see","signature":"EqQB\/+=="},{"type":"redacted_thinking",)"
    R"("data":"Zm9v\/"}]},)"
    R"({"role":"user","content":"z"}]})",

    R"({"model":"m","messages":[{"role":"user","content":"x"}],"user":"u-\u0031","metadata":{"nested":{"b":1,)"
    R"("a":[1, 2,{"c":null}]}}})",

    R"({"model":"m","stream":true,"messages":[{"role":"user","content":"x"}],)"
    R"("stream_options":{"include_usage":true,"x" : 1}})",

    R"({"model":"m","messages":[{"role":"user","content":")" + std::string(5000, 'l') +
        R"(\n"}],"unknown":{"kept":[ 1.50 ]}})",

    R"({"model":"m","messages":[{"role":"assistant","content":"first the assistant"},{"role":"user",)"
    R"("content":" blanks  around "},)"
    R"({"role":"user","content":"twice the user"}]})",
};

TEST(Faithful, TheSameFormatGetsTheClientsBytes)
{
    for (const std::string& body : kCorpus) {
        EXPECT_EQ(Encoded(openai::kDialect, body).upstream, body);
    }
}

TEST(Faithful, OnlyTheModelAndTheUsageOptionAreSpliced)
{
    for (const std::string& body : kCorpus) {
        Document doc;
        ASSERT_TRUE(doc.parse(body, json::Mode::strict).ok());
        std::string_view model = doc.root().find("model")->raw();
        std::string expected = body;
        expected.replace(static_cast<size_t>(model.data() - body.data()), model.size(), "\"vendor/other\"");
        EXPECT_EQ(Encoded(openai::kDialect, body, "vendor/other").upstream, expected);
    }
    struct Row {
        std::string name, body, expected;
    };
    const Row rows[] = {
        {"asked for at the end", R"({ "model":"m", "stream" : true, "messages":[{"role":"user","content":"x"}] })",
         R"({ "model":"m", "stream" : true, "messages":[{"role":"user","content":"x"}] ,)"
         R"("stream_options":{"include_usage":true}})"},
        {"added to the options",
         R"({"stream_options":{ "x":1 },"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]})",
         R"({"stream_options":{ "x":1 ,"include_usage":true},"model":"m","stream":true,"messages":[{"role":"user",)"
         R"("content":"x"}]})"},
        {"switched on",
         R"({"model":"m","stream":true,"stream_options":{"include_usage": false},"messages":[{"role":"user",)"
         R"("content":"x"}]})",
         R"({"model":"m","stream":true,"stream_options":{"include_usage": true},"messages":[{"role":"user",)"
         R"("content":"x"}]})"},
        {"name by another spelling",
         R"({"model":"m","stream":true,"stream\u005foptions":null,"messages":[{"role":"user","content":"x"}]})",
         R"({"model":"m","stream":true,"stream\u005foptions":{"include_usage":true},"messages":[{"role":"user",)"
         R"("content":"x"}]})"},
    };
    for (const Row& row : rows) EXPECT_EQ(Encoded(openai::kDialect, row.body).upstream, row.expected) << row.name;
}

// Looks for slices one behind the other.
class Finder {
public:
    explicit Finder(const std::string& text) : text_(text) {}

    void expect(std::string_view slice)
    {
        size_t at = text_.find(slice, from_);
        EXPECT_NE(at, text_.npos) << slice << "\nis not behind byte " << from_ << " of\n" << text_;
        if (at != text_.npos) from_ = at + slice.size();
    }
    void expect(const Value* v)
    {
        if (v) expect(v->raw());
    }

private:
    const std::string& text_;
    size_t from_ = 0;
};

void expect_block(Finder& f, const chat::Block& b)
{
    switch (b.kind) {
        case chat::BlockKind::text:
        case chat::BlockKind::thinking:
            f.expect(b.text);
            break;
        case chat::BlockKind::tool_call: {
            f.expect(b.name);
            // The arguments are text of JSON here and JSON there.
            std::string arguments = b.data->text();
            return f.expect(arguments);
        }
        case chat::BlockKind::tool_result:
            for (const chat::Block& inner : b.content) expect_block(f, inner);
            break;
        case chat::BlockKind::image:
        case chat::BlockKind::file: {
            std::string_view url = b.data->body();
            f.expect(url.starts_with("data:") ? url.substr(url.find(',') + 1) : url);
            break;
        }
        default:
            break;
    }
    if (b.kind == chat::BlockKind::thinking || b.kind == chat::BlockKind::redacted_thinking) f.expect(b.data);
    f.expect(b.cache_control);
}

TEST(Faithful, AnotherFormatGetsEveryUntouchedSubtree)
{
    for (const std::string& body : kCorpus) {
        Encoded e(anthropic::kDialect, body, "claude-3-7-sonnet");
        Document doc;
        ASSERT_TRUE(doc.parse(e.upstream, json::Mode::strict).ok()) << e.upstream;

        using chat::Param;
        Finder scalars(e.upstream);
        for (Param p : {Param::max_tokens, Param::stop, Param::temperature, Param::top_k, Param::user}) {
            scalars.expect(e.request.param(p));
        }
        Finder tools(e.upstream);
        for (const chat::Tool& t : e.request.tools) {
            tools.expect(t.name);
            tools.expect(t.description);
            tools.expect(t.parameters);
        }
        Finder messages(e.upstream);
        for (const chat::Message& m : e.request.messages) {
            for (const chat::Block& b : m.blocks) expect_block(messages, b);
        }
    }
}

TEST(Faithful, EncodingTwiceGivesTheSameBytes)
{
    for (const std::string& body : kCorpus) {
        for (const dialects::Dialect* d : {&openai::kDialect, &anthropic::kDialect, &gemini::kDialect}) {
            Encoded first(*d, body, "claude-3-7-sonnet");
            // Another target, as after a failure: the request must not have changed.
            dialects::EncodedRequest again;
            ASSERT_TRUE(d->encode(first.request, {.model = "claude-3-7-sonnet"}, again, first.error));
            EXPECT_EQ(again.body.str(), first.upstream);
        }
    }
}

// Fields that the client reorders, but for the conversation, change no byte.
TEST(Faithful, MembersComeInOneOrder)
{
    std::string a = R"("model":"m","temperature":0.5,"max_tokens":9,"stop":["x"],"user":"u",)";
    std::string b = R"("user":"u","stop":["x"],"max_tokens":9,"model":"m","temperature":0.5,)";
    std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}])";
    std::string messages = R"("messages":[{"role":"user","content":"x"}])";
    std::string first =
        Encoded(anthropic::kDialect, "{" + a + tools + "," + messages + "}", "claude-3-7-sonnet").upstream;
    EXPECT_EQ(Encoded(anthropic::kDialect, "{" + b + messages + "," + tools + "}", "claude-3-7-sonnet").upstream,
              first);
    Document doc;
    ASSERT_TRUE(doc.parse(first, json::Mode::strict).ok());
    std::string last;
    for (const Value& member : doc.root()) last = member.key();
    EXPECT_EQ(last, "messages");
}

// --- a conversation of eight turns ---------------------------------------------

const std::string kTurns[] = {
    R"({"role":"system","content":"You are\u00a0helpful."},{ "role" : "user",)"
    R"( "content" : "Weather in Paris and Rome?" })",

    R"({"role":"assistant","content":null,"thinking_blocks":[{"type":"thinking","thinking":"two calls",)"
    R"("signature":"c2ln"}],)"
    R"("tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather",)"
    R"("arguments":"{ \"city\":\"Paris\" }"}},)"
    R"({"id":"call:2","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}}]},)"
    R"({"role":"tool","tool_call_id":"call_1","content":"21 \u00b0C"},{"role":"tool","tool_call_id":"call:2",)"
    R"("content":"25 C"})",

    R"({"role":"assistant","content":"Paris 21, Rome 25. "},{"role":"user","content":"And Oslo?\n"})",

    R"({"role":"assistant","content":"Let me look.","tool_calls":[{"id":"call_3","type":"function","function":)"
    R"({"name":"weather","arguments":""}}]},{"role":"tool","tool_call_id":"call_3","content":"","is_error":true})",

    // Text right behind a tool's result becomes part of the same message.
    R"({"role":"user","content":"Oslo, Norway, I mean"})",

    R"({"role":"assistant","content":"Cold."},{"role":"user","content":[{"type":"text","text":"This?"},)"
    R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]})",

    R"({"role":"assistant","content":"A cat.","reasoning_content":"fur"},{"role":"user","name":"bob",)"
    R"("content":"Thanks"})",

    R"({"role":"assistant","content":""},{"role":"user","content":"Bye","cache_control":{"type":"ephemeral"}})",
};

constexpr std::string_view kTail =
    R"(],"stream":true,"temperature":0.20,"tools":[{"type":"function","function":{"name":"weather","parameters":)"
    R"({"type":"object","properties":{"city":{"type":"string"}}}}}],"user":"u1"})";

// Behind the last complete piece of the conversation: the last message, or the
// last block where messages are merged.
std::string prefix_of(const std::string& upstream, bool to_last_block)
{
    Document doc;
    EXPECT_TRUE(doc.parse(upstream, json::Mode::strict).ok());
    const Value* messages = doc.root().find("messages");
    if (!messages) messages = doc.root().find("contents");
    const Value* last = nullptr;
    for (const Value& m : *messages) last = &m;
    if (to_last_block) {
        const Value* blocks = last->find("content");
        if (!blocks) blocks = last->find("parts");
        for (const Value& b : *blocks) last = &b;
    }
    return upstream.substr(0, static_cast<size_t>(last->raw().data() + last->raw().size() - upstream.data()));
}

TEST(Faithful, AGrowingConversationKeepsItsPrefix)
{
    struct Row {
        const dialects::Dialect* dialect;
        std::string model;
    };
    const Row rows[] = {
        {&openai::kDialect, "gpt-4o"},
        {&anthropic::kDialect, "claude-3-7-sonnet"},
        {&anthropic::kDialect, "claude-sonnet-4-5"},
        {&anthropic::kDialect, "claude-opus-4-8"},
        {&gemini::kDialect, "gemini-2.0-flash"},
        {&gemini::kDialect, "gemini-3-pro-preview"},
    };
    for (const Row& row : rows) {
        std::string conversation, before;
        for (const std::string& turn : kTurns) {
            conversation += (conversation.empty() ? "" : " ,\n") + turn;
            Encoded e(*row.dialect, R"({"model":"m","messages":[)" + conversation + std::string(kTail), row.model);
            EXPECT_TRUE(e.upstream.starts_with(before)) << row.model << "\n" << before << "\nbecame\n" << e.upstream;
            before = prefix_of(e.upstream, row.dialect != &openai::kDialect);
        }
        EXPECT_GT(before.size(), 1000U);
    }
}

}  // namespace

}  // namespace llm::test
