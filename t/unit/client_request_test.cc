// Good bodies of POST /v1/chat/completions: what the canonical request holds.
#include "client/completions/completions.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace llm::test {

namespace {

using namespace chat;

// One line a message, one word a block: kind(member=raw ...).
class Printer {
public:
    std::string print(const Request& r)
    {
        for (const Message& m : r.messages) print(m);
        return out_;
    }

private:
    static std::string_view role(Role r)
    {
        constexpr std::array<std::string_view, 6> kNames = {"system",    "developer", "user",
                                                            "assistant", "tool",      "function"};
        return kNames[static_cast<size_t>(r)];
    }

    static std::string_view kind(BlockKind k)
    {
        constexpr std::array<std::string_view, 10> kNames = {"text",     "image",    "audio", "file",   "refusal",
                                                             "thinking", "redacted", "call",  "result", "other"};
        return kNames[static_cast<size_t>(k)];
    }

    void member(std::string_view name, const Value* v)
    {
        if (v) out_.append(" ").append(name).append("=").append(v->raw());
    }

    void print(const Block& b)
    {
        out_.append(" ").append(b.custom ? "custom-" : "").append(kind(b.kind)).append("(");
        member("text", b.text);
        member("id", b.id);
        member("name", b.name);
        member("data", b.data);
        member("format", b.format);
        member("file_id", b.file_id);
        member("cache", b.cache_control);
        if (b.is_error) out_ += " failed";
        for (const Block& inner : b.content) print(inner);
        out_ += " )";
    }

    void print(const Message& m)
    {
        out_ += role(m.role);
        member("name", m.name);
        member("cache", m.cache_control);
        member("reasoning", m.reasoning);
        for (const Block& b : m.blocks) print(b);
        out_ += '\n';
    }

    std::string out_;
};

// A request and the body it points into.
struct Read {
    explicit Read(std::string text) : body(std::move(text))
    {
        ok = completions::read_request(body, {}, request, error);
        EXPECT_TRUE(ok) << error.message << "\n" << body;
    }

    std::string body;
    Request request;
    ApiError error;
    bool ok = false;
};

std::string body_of(std::string_view messages)
{
    return R"({"model":"m","messages":[)" + std::string(messages) + "]}";
}
std::string body_with(std::string_view members)
{
    return R"({"model":"m","messages":[{"role":"user","content":"x"}],)" + std::string(members) + "}";
}

TEST(ClientRequest, Messages)
{
    struct Row {
        std::string_view name, messages, printed;
    };
    const Row rows[] = {
        {"every role",
         R"({"role":"system","content":"a"},{"role":"developer","content":"b"},{"role":"user","content":"c"},)"
         R"({"role":"assistant","content":"d"},{"role":"tool","tool_call_id":"t","content":"e"},)"
         R"({"role":"function","name":"f","content":null})",
         "system text( text=\"a\" )\ndeveloper text( text=\"b\" )\nuser text( text=\"c\" )\n"
         "assistant text( text=\"d\" )\ntool result( id=\"t\" text( text=\"e\" ) )\nfunction name=\"f\"\n"},
        {"members in any order", R"({"content":"c","role":"user"})", "user text( text=\"c\" )\n"},
        {"role with an escape", R"({"r\u006fle":"us\u0065r","content":"c"})", "user text( text=\"c\" )\n"},
        {"name and cache_control", R"({"role":"user","name":"bob","content":"c","cache_control":{"type":"ephemeral"}})",
         "user name=\"bob\" cache={\"type\":\"ephemeral\"} text( text=\"c\" )\n"},
        {"nulls are absent", R"({"role":"user","name":null,"content":"c","cache_control":null})",
         "user text( text=\"c\" )\n"},
        {"empty text", R"({"role":"user","content":""})", "user text( text=\"\" )\n"},
        {"no parts", R"({"role":"user","content":[]})", "user\n"},
        {"escapes stay", R"({"role":"user","content":"\u00e9\/\n"})", "user text( text=\"\\u00e9\\/\\n\" )\n"},
        {"parts", R"({"role":"user","content":[{"type":"text","text":"a"},{"text":"b","type":"text"}]})",
         "user text( text=\"a\" ) text( text=\"b\" )\n"},
        {"part with cache_control",
         R"({"role":"user","content":[{"type":"text","text":"a","cache_control":{"ttl":"1h"}}]})",
         "user text( text=\"a\" cache={\"ttl\":\"1h\"} )\n"},
        {"image", R"({"role":"user","content":[{"type":"image_url","image_url":{"url":"u","detail":"low"}}]})",
         "user image( data=\"u\" format=\"low\" )\n"},
        {"image without object", R"({"role":"user","content":[{"type":"image_url","image_url":"u"}]})",
         "user image( data=\"u\" )\n"},
        {"audio", R"({"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}]})",
         "user audio( data=\"AA==\" format=\"wav\" )\n"},
        {"files",
         R"({"role":"user","content":[{"type":"file","file":{"file_data":"d","filename":"a.pdf"}},)"
         R"({"type":"file","file":{"file_id":"f1"}},{"type":"file","file":{}}]})",
         "user file( name=\"a.pdf\" data=\"d\" ) file( file_id=\"f1\" ) file( )\n"},
        {"part nobody knows", R"({"role":"user","content":[{"type":"hologram","x":1}]})", "user other( )\n"},
        {"refusals", R"({"role":"assistant","content":[{"type":"refusal","refusal":"no"}],"refusal":"never"})",
         "assistant refusal( text=\"no\" ) refusal( text=\"never\" )\n"},
        {"refusal alone", R"({"role":"assistant","content":null,"refusal":"never"})",
         "assistant refusal( text=\"never\" )\n"},
        {"calls behind the text",
         R"({"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},)"
         R"({"id":"b","type":"custom","custom":{"name":"g","input":"x"}}],"content":"t"})",
         "assistant text( text=\"t\" ) call( id=\"a\" name=\"f\" data=\"{}\" ) custom-call( id=\"b\" name=\"g\" "
         "data=\"x\" )\n"},
        {"calls alone", R"({"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":""}}]})",
         "assistant call( id=\"a\" name=\"f\" data=\"\" )\n"},
        {"no calls", R"({"role":"assistant","tool_calls":[]})", "assistant\n"},
        {"deprecated call", R"({"role":"assistant","function_call":{"name":"f","arguments":""}})", "assistant\n"},
        {"thinking comes first",
         R"({"role":"assistant","content":"t","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"s"},)"
         R"({"type":"redacted_thinking","data":"d"},{"type":"thinking","thinking":"so"}],"reasoning_content":"hm so"})",
         "assistant reasoning=\"hm so\" thinking( text=\"hm\" data=\"s\" ) redacted( data=\"d\" ) thinking( "
         "text=\"so\" ) "
         "text( text=\"t\" )\n"},
        {"a user's thinking is no such thing",
         R"({"role":"user","content":"c","thinking_blocks":1,"reasoning_content":2})", "user text( text=\"c\" )\n"},
        {"result with parts and cache_control",
         R"({"role":"tool","tool_call_id":"t","content":[{"type":"text","text":"a"},{"type":"image_url",)"
         R"("image_url":"u"}],)"
         R"("cache_control":{"x":1}})",
         "tool cache={\"x\":1} result( id=\"t\" cache={\"x\":1} text( text=\"a\" ) image( data=\"u\" ) )\n"},
        {"failed result", R"({"role":"tool","tool_call_id":"t","content":"","is_error":true})",
         "tool result( id=\"t\" failed text( text=\"\" ) )\n"},
        {"result that did not fail", R"({"role":"tool","tool_call_id":"t","content":"","is_error":false})",
         "tool result( id=\"t\" text( text=\"\" ) )\n"},
    };
    for (const Row& row : rows) {
        Read r(body_of(row.messages));
        EXPECT_EQ(Printer().print(r.request), row.printed) << row.name;
    }
}

TEST(ClientRequest, EveryBlockKnowsItsSource)
{
    Read r(body_of(R"({"role":"user","content":[{"type":"text","text":"a","x":1}]},{"role":"user","content":"b"},)"
                   R"({"role":"tool","tool_call_id":"t","content":"c"})"));
    EXPECT_EQ(r.request.messages[0].source->raw(), R"({"role":"user","content":[{"type":"text","text":"a","x":1}]})");
    EXPECT_EQ(r.request.messages[0].blocks[0].source->raw(), R"({"type":"text","text":"a","x":1})");
    EXPECT_EQ(r.request.messages[1].blocks[0].source->raw(), "\"b\"");
    EXPECT_EQ(r.request.messages[2].blocks[0].source, r.request.messages[2].source);
}

TEST(ClientRequest, Model)
{
    Read plain(body_of(R"({"role":"user","content":"x"})"));
    EXPECT_EQ(plain.request.model_name, "m");
    EXPECT_EQ(plain.request.model_name.data(), plain.request.model->body().data());

    Read escaped(R"({"messages":[{"role":"user","content":"x"}],"model":"a\/b\u002dc"})");
    EXPECT_EQ(escaped.request.model_name, "a/b-c");
    EXPECT_EQ(escaped.request.model->raw(), R"("a\/b\u002dc")");
    EXPECT_EQ(escaped.request.format, ClientFormat::chat_completions);
}

TEST(ClientRequest, Streaming)
{
    struct Row {
        std::string_view members;
        bool stream, include_usage;
    };
    const Row rows[] = {
        {R"("x":0)", false, false},
        {R"("stream":true)", true, false},
        {R"("stream":false)", false, false},
        {R"("stream":null)", false, false},
        {R"("stream":true,"stream_options":{"include_usage":true})", true, true},
        {R"("stream":true,"stream_options":{"include_usage":false})", true, false},
        {R"("stream":true,"stream_options":{"include_usage":null})", true, false},
        {R"("stream":true,"stream_options":{})", true, false},
        {R"("stream":true,"stream_options":null)", true, false},
        {R"("stream_options":{"include_usage":true},"stream":true)", true, true},
    };
    for (const Row& row : rows) {
        Read r(body_with(row.members));
        EXPECT_EQ(r.request.stream, row.stream) << row.members;
        EXPECT_EQ(r.request.include_usage, row.include_usage) << row.members;
    }
}

TEST(ClientRequest, SingleValuesKeepTheirText)
{
    Read r(
        body_with(R"("temperature":0.10,"top_p":1E-1,"seed":-9223372036854775808,"stop":["a" , "b"],"user":"\u00e9",)"
                  R"("logprobs":5,"max_tokens":null,"metadata":{ "k" : "v" },"function_call":"auto")"));
    struct Row {
        Param param;
        std::string_view raw;
    };
    const Row rows[] = {
        {Param::temperature, "0.10"},          {Param::top_p, "1E-1"},
        {Param::seed, "-9223372036854775808"}, {Param::stop, R"(["a" , "b"])"},
        {Param::user, R"("\u00e9")"},          {Param::logprobs, "5"},
        {Param::metadata, R"({ "k" : "v" })"}, {Param::function_call, "\"auto\""},
    };
    size_t set = 0;
    for (const Value* v : r.request.params) set += v != nullptr;
    EXPECT_EQ(set, std::size(rows));
    for (const Row& row : rows) EXPECT_EQ(r.request.param(row.param)->raw(), row.raw);
    EXPECT_EQ(r.request.param(Param::max_tokens), nullptr);
}

// Every name has a place of its own.
TEST(ClientRequest, NamesOfSingleValues)
{
    const std::pair<std::string_view, Param> rows[] = {
        {"temperature", Param::temperature},
        {"top_p", Param::top_p},
        {"top_k", Param::top_k},
        {"max_tokens", Param::max_tokens},
        {"max_completion_tokens", Param::max_completion_tokens},
        {"n", Param::n},
        {"stop", Param::stop},
        {"presence_penalty", Param::presence_penalty},
        {"frequency_penalty", Param::frequency_penalty},
        {"logit_bias", Param::logit_bias},
        {"logprobs", Param::logprobs},
        {"top_logprobs", Param::top_logprobs},
        {"seed", Param::seed},
        {"parallel_tool_calls", Param::parallel_tool_calls},
        {"reasoning_effort", Param::reasoning_effort},
        {"thinking", Param::thinking},
        {"verbosity", Param::verbosity},
        {"modalities", Param::modalities},
        {"audio", Param::audio},
        {"prediction", Param::prediction},
        {"web_search_options", Param::web_search_options},
        {"store", Param::store},
        {"metadata", Param::metadata},
        {"service_tier", Param::service_tier},
        {"user", Param::user},
        {"safety_identifier", Param::safety_identifier},
        {"prompt_cache_key", Param::prompt_cache_key},
        {"prompt_cache_options", Param::prompt_cache_options},
        {"prompt_cache_retention", Param::prompt_cache_retention},
        {"cache_control", Param::cache_control},
        {"moderation", Param::moderation},
        {"stream_options", Param::stream_options},
        {"functions", Param::functions},
        {"function_call", Param::function_call},
    };
    ASSERT_EQ(std::size(rows), kParams);
    for (auto [name, param] : rows) {
        for (std::string_view value : {"1", "true", "\"s\"", "[]", "{}"}) {
            std::string body = body_with('"' + std::string(name) + "\":" + std::string(value));
            Request request;
            ApiError error;
            if (!completions::read_request(body, {}, request, error)) continue;
            for (size_t p = 0; p < kParams; p++) {
                EXPECT_EQ(request.params[p] != nullptr, p == static_cast<size_t>(param)) << body;
            }
            EXPECT_TRUE(request.unknown.empty()) << body;
        }
    }
}

TEST(ClientRequest, UnknownMembersAreKeptInOrder)
{
    Read r(body_with(R"("zeta":{"a":[1, 2]},"seed":1,"min_p":0.050,"alpha":null,"Temperature":2)"));
    std::string seen;
    for (const Value* v : r.request.unknown) seen.append(v->key()).append("=").append(v->raw()).append(";");
    EXPECT_EQ(seen, R"(zeta={"a":[1, 2]};min_p=0.050;alpha=null;Temperature=2;)");
}

TEST(ClientRequest, Tools)
{
    Read r(body_with(
        R"("tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{ "type":"object" },)"
        R"("strict":true},)"
        R"("cache_control":{"a":1}},{"type":"function","function":{"name":"g","cache_control":{"b":2}}},)"
        R"({"type":"custom","custom":{"name":"h","format":{"type":"text"}}},{"type":"web_search_20250305",)"
        R"("name":"web_search"}])"));
    ASSERT_EQ(r.request.tools.size(), 4U);
    const Tool& full = r.request.tools[0];
    EXPECT_TRUE(full.name->is("f"));
    EXPECT_TRUE(full.description->is("d"));
    EXPECT_EQ(full.parameters->raw(), R"({ "type":"object" })");
    EXPECT_TRUE(full.strict->is_true());
    EXPECT_EQ(full.cache_control->raw(), R"({"a":1})");
    EXPECT_FALSE(full.custom);

    const Tool& bare = r.request.tools[1];
    EXPECT_TRUE(bare.name->is("g"));
    EXPECT_EQ(bare.description, nullptr);
    EXPECT_EQ(bare.parameters, nullptr);
    EXPECT_EQ(bare.strict, nullptr);
    EXPECT_EQ(bare.cache_control->raw(), R"({"b":2})");

    EXPECT_TRUE(r.request.tools[2].custom);
    EXPECT_TRUE(r.request.tools[2].name->is("h"));
    // A provider's own tool is nobody's business here.
    EXPECT_EQ(r.request.tools[3].name, nullptr);
    EXPECT_EQ(r.request.tools[3].source->raw(), R"({"type":"web_search_20250305","name":"web_search"})");
    EXPECT_TRUE(Read(body_with(R"("tools":[])")).request.tools.empty());
    EXPECT_TRUE(Read(body_with(R"("tools":null)")).request.tools.empty());
}

TEST(ClientRequest, ToolChoice)
{
    using Mode = ToolChoice::Mode;
    struct Row {
        std::string_view value;
        Mode mode;
        std::string_view name, allowed;  // raw
    };
    const Row rows[] = {
        {"null", Mode::unset, "", ""},
        {"\"none\"", Mode::none, "", ""},
        {"\"auto\"", Mode::automatic, "", ""},
        {"\"required\"", Mode::required, "", ""},
        {"\"any\"", Mode::required, "", ""},
        {R"({"type":"function","function":{"name":"f"}})", Mode::named, "\"f\"", ""},
        {R"({"type":"custom","custom":{"name":"g"}})", Mode::named, "\"g\"", ""},
        {R"({"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[1]}})", Mode::automatic, "", "[1]"},
        {R"({"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[]}})", Mode::required, "", "[]"},
    };
    for (const Row& row : rows) {
        Read r(body_with(R"("tool_choice":)" + std::string(row.value)));
        const ToolChoice& c = r.request.tool_choice;
        EXPECT_EQ(c.mode, row.mode) << row.value;
        EXPECT_EQ(c.name ? c.name->raw() : "", row.name) << row.value;
        EXPECT_EQ(c.allowed ? c.allowed->raw() : "", row.allowed) << row.value;
        EXPECT_EQ(c.source ? c.source->raw() : "null", row.value);
    }
}

TEST(ClientRequest, ResponseFormat)
{
    using Kind = OutputFormat::Kind;
    const std::pair<std::string_view, Kind> rows[] = {
        {"null", Kind::text},
        {R"({"type":"text"})", Kind::text},
        {R"({"type":"grammar"})", Kind::text},
        {R"({"type":"json_object"})", Kind::json_object},
        {R"({"type":"json_schema","json_schema":{"name":"n"}})", Kind::json_schema},
    };
    for (auto [value, kind] : rows) {
        Read r(body_with(R"("response_format":)" + std::string(value)));
        EXPECT_EQ(r.request.output.kind, kind) << value;
        EXPECT_EQ(r.request.output.source ? r.request.output.source->raw() : "null", value);
    }
    Read r(body_with(R"("response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d",)"
                     R"("schema":{ "type" : "object" },"strict":false}})"));
    EXPECT_TRUE(r.request.output.name->is("n"));
    EXPECT_TRUE(r.request.output.description->is("d"));
    EXPECT_EQ(r.request.output.schema->raw(), R"({ "type" : "object" })");
    EXPECT_EQ(r.request.output.strict->raw(), "false");
}

}  // namespace

}  // namespace llm::test
