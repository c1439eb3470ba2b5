// Bodies of POST /v1/chat/completions that are refused: the status, the place
// and the code a client is told.
#include <gtest/gtest.h>

#include <vector>

#include "client/completions/completions.hpp"
#include "guard.hpp"

namespace llm::test {

namespace {

using namespace std::string_literals;

struct Refusal {
    bool refused = false;
    chat::ApiError error;
};

Refusal read(std::string_view body, const client::RequestLimits& limits = {})
{
    Guarded guarded(body);
    chat::Request request;
    Refusal r;
    r.refused = !completions::read_request(guarded.view(), limits, request, r.error);
    return r;
}

// A good request with one more member.
std::string with(std::string_view member)
{
    return R"({"model":"m","messages":[{"role":"user","content":"x"}],)" + std::string(member) + "}";
}

std::string messages(std::string_view list)
{
    return R"({"model":"m","messages":)" + std::string(list) + "}";
}
std::string message(std::string_view members)
{
    return messages("[{" + std::string(members) + "}]");
}
std::string user(std::string_view content)
{
    return message(R"("role":"user","content":)" + std::string(content));
}
std::string part(std::string_view members)
{
    return user("[{" + std::string(members) + "}]");
}
std::string call(std::string_view members)
{
    return message(R"("role":"assistant","tool_calls":[{)" + std::string(members) + "}]");
}
std::string thinking(std::string_view members)
{
    return message(R"("role":"assistant","content":"x","thinking_blocks":[{)" + std::string(members) + "}]");
}
std::string tool(std::string_view members)
{
    return with(R"("tools":[{)" + std::string(members) + "}]");
}
std::string choice(std::string_view value)
{
    return with(R"("tool_choice":)" + std::string(value));
}
std::string format(std::string_view value)
{
    return with(R"("response_format":)" + std::string(value));
}
std::string named(std::string_view model)
{
    return R"({"model":")" + std::string(model) + R"(","messages":[{"role":"user","content":"x"}]})";
}

constexpr std::string_view kMissing = "missing_required_parameter";
constexpr std::string_view kType = "invalid_type";
constexpr std::string_view kValue = "invalid_value";

struct Row {
    std::string name;
    std::string body;
    std::string param;
    std::string_view code;
};

void expect_rows(const std::vector<Row>& rows)
{
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Refusal r = read(row.body);
        ASSERT_TRUE(r.refused);
        EXPECT_EQ(r.error.status(), 400);
        EXPECT_EQ(r.error.type_text(), "invalid_request_error");
        EXPECT_EQ(r.error.param, row.param);
        EXPECT_EQ(r.error.code_text(), row.code);
        // The message names the place, too.
        EXPECT_NE(r.error.message.find(row.code.empty() ? "request body" : row.param), std::string::npos)
            << r.error.message;
    }
}

TEST(Refusal, TextsThatAreNoRequest)
{
    expect_rows({
        {"nothing", "", "", ""},
        {"no json", "model=m", "", ""},
        {"no object", R"([{"model":"m"}])", "", ""},
        {"a string", R"("hello")", "", ""},
        {"cut off", R"({"model":"m","messages":[{"role":"us)", "messages[0].role", ""},
        {"trailing garbage", named("m") + "x", "", ""},
        {"two objects", named("m") + named("m"), "", ""},
        {"byte order mark", "\xef\xbb\xbf" + named("m"), "", ""},
        {"number as javascript has it", with(R"("seed":+1)"), "seed", ""},
        {"control character", user("\"a\nb\""), "messages[0].content", ""},
        {"invalid utf-8", user("\"caf\xe9\""), "messages[0].content", ""},
        {"half a sequence", user("\"\xe2\x82\""), "messages[0].content", ""},
        {"invalid utf-8 in a field nobody reads", with("\"x\":\"\xff\""), "x", ""},
        {"duplicate member", with(R"("model":"n")"), "model", ""},
        {"duplicate by another spelling", with(R"("mod\u0065l":"n")"), "mod\\u0065l", ""},
        {"duplicate deep inside", with(R"("tools":[{"type":"x","y":{"a":1,"a":2}}])"), "tools[0].y.a", ""},
    });
}

TEST(Refusal, TooDeepAndTooMany)
{
    client::RequestLimits limits;
    limits.json.depth = 5;
    EXPECT_FALSE(read(part(R"("type":"text","text":"x")"), limits).refused);
    limits.json.depth = 4;
    Refusal deep = read(part(R"("type":"text","text":"x")"), limits);
    EXPECT_EQ(deep.error.status(), 400);
    EXPECT_EQ(deep.error.param, "messages[0].content[0]");

    limits = {};
    limits.json.values = 6;
    EXPECT_FALSE(read(user("\"x\""), limits).refused);
    limits.json.values = 5;
    Refusal many = read(user("\"x\""), limits);
    EXPECT_EQ(many.error.status(), 413);
    EXPECT_EQ(many.error.code_text(), "request_too_large");
    EXPECT_EQ(many.error.param, "messages[0].content");

    limits = {};
    limits.tools = 2;
    std::string one = R"({"type":"function","function":{"name":"f"}})";
    EXPECT_FALSE(read(with("\"tools\":[" + one + "," + one + "]"), limits).refused);
    Refusal tools = read(with("\"tools\":[" + one + "," + one + "," + one + "]"), limits);
    EXPECT_EQ(tools.error.status(), 400);
    EXPECT_EQ(tools.error.param, "tools");
    EXPECT_EQ(tools.error.code_text(), "array_above_max_length");

    auto allowed = [](std::string_view list) {
        return with(R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[)" +
                    std::string(list) + "]}}");
    };
    EXPECT_FALSE(read(allowed("{},{}"), limits).refused);
    Refusal choice = read(allowed("{},{},{}"), limits);
    EXPECT_EQ(choice.error.param, "tool_choice.allowed_tools.tools");
    EXPECT_EQ(choice.error.code_text(), "array_above_max_length");
}

TEST(Refusal, Model)
{
    EXPECT_FALSE(read(named(std::string(256, 'm'))).refused);
    EXPECT_FALSE(read(named("org/name:tag@1~x")).refused);
    expect_rows({
        {"missing", R"({"messages":[{"role":"user","content":"x"}]})", "model", kMissing},
        {"null", R"({"model":null,"messages":[{"role":"user","content":"x"}]})", "model", kMissing},
        {"number", R"({"model":4,"messages":[{"role":"user","content":"x"}]})", "model", kType},
        {"empty", named(""), "model", kValue},
        {"too long", named(std::string(257, 'm')), "model", kValue},
        {"blank", named("gpt 4o"), "model", kValue},
        {"header injection", named(R"(m\r\nX-Evil: 1)"), "model", kValue},
        {"line end alone", named(R"(m\n)"), "model", kValue},
        {"nul", named(R"(m\u0000)"), "model", kValue},
        {"del", named("m\x7f"), "model", kValue},
        {"not ascii", named("caf\xc3\xa9"), "model", kValue},
        {"not ascii, escaped", named(R"(caf\u00e9)"), "model", kValue},
        {"lone surrogate", named(R"(m\ud800)"), "model", kValue},
    });
}

TEST(Refusal, Messages)
{
    expect_rows({
        {"missing", R"({"model":"m"})", "messages", kMissing},
        {"null", messages("null"), "messages", kMissing},
        {"a string", messages(R"("hi")"), "messages", kType},
        {"an object", messages(R"({"role":"user","content":"x"})"), "messages", kType},
        {"empty", messages("[]"), "messages", "empty_array"},
        {"an element that is no object", messages(R"([{"role":"user","content":"x"},"y"])"), "messages[1]", kType},
        {"null element", messages("[null]"), "messages[0]", kType},
        {"no role", message(R"("content":"x")"), "messages[0].role", kMissing},
        {"role null", message(R"("role":null,"content":"x")"), "messages[0].role", kMissing},
        {"role of another type", message(R"("role":1,"content":"x")"), "messages[0].role", kType},
        {"unknown role", message(R"("role":"bot","content":"x")"), "messages[0].role", kValue},
        {"role with a capital", message(R"("role":"User","content":"x")"), "messages[0].role", kValue},
        {"no content", message(R"("role":"user")"), "messages[0].content", kMissing},
        {"content null", message(R"("role":"system","content":null)"), "messages[0].content", kMissing},
        {"assistant with nothing", message(R"("role":"assistant","content":null)"), "messages[0].content", kMissing},
        {"assistant with null calls", message(R"("role":"assistant","tool_calls":null)"), "messages[0].content",
         kMissing},
        {"a user's calls do not count", message(R"("role":"user","tool_calls":[])"), "messages[0].content", kMissing},
        {"content a number", user("1"), "messages[0].content", kType},
        {"content an object", user(R"({"type":"text","text":"x"})"), "messages[0].content", kType},
        {"name a number", message(R"("role":"user","content":"x","name":1)"), "messages[0].name", kType},
        {"calls an object", message(R"("role":"assistant","tool_calls":{})"), "messages[0].tool_calls", kType},
        {"refusal a number", message(R"("role":"assistant","refusal":1)"), "messages[0].refusal", kType},
        {"reasoning a number", message(R"("role":"assistant","content":"x","reasoning_content":1)"),
         "messages[0].reasoning_content", kType},
        {"blocks an object", message(R"("role":"assistant","content":"x","thinking_blocks":{})"),
         "messages[0].thinking_blocks", kType},
        {"result without id", message(R"("role":"tool","content":"x")"), "messages[0].tool_call_id", kMissing},
        {"result with a number as id", message(R"("role":"tool","content":"x","tool_call_id":1)"),
         "messages[0].tool_call_id", kType},
        {"result without content", message(R"("role":"tool","tool_call_id":"c")"), "messages[0].content", kMissing},
        {"result with a bad part", message(R"("role":"tool","tool_call_id":"c","content":[{"type":"text"}])"),
         "messages[0].content[0].text", kMissing},
    });
}

TEST(Refusal, Parts)
{
    expect_rows({
        {"no object", user(R"(["x"])"), "messages[0].content[0]", kType},
        {"the second one", user(R"([{"type":"text","text":"x"},{"text":"y"}])"), "messages[0].content[1].type",
         kMissing},
        {"type of another type", part(R"("type":1)"), "messages[0].content[0].type", kType},
        {"text missing", part(R"("type":"text")"), "messages[0].content[0].text", kMissing},
        {"text null", part(R"("type":"text","text":null)"), "messages[0].content[0].text", kMissing},
        {"text a number", part(R"("type":"text","text":1)"), "messages[0].content[0].text", kType},
        {"refusal missing", part(R"("type":"refusal")"), "messages[0].content[0].refusal", kMissing},
        {"image missing", part(R"("type":"image_url")"), "messages[0].content[0].image_url", kMissing},
        {"image a number", part(R"("type":"image_url","image_url":1)"), "messages[0].content[0].image_url", kType},
        {"image without url", part(R"("type":"image_url","image_url":{})"), "messages[0].content[0].image_url.url",
         kMissing},
        {"url a number", part(R"("type":"image_url","image_url":{"url":1})"), "messages[0].content[0].image_url.url",
         kType},
        {"detail a number", part(R"("type":"image_url","image_url":{"url":"u","detail":1})"),
         "messages[0].content[0].image_url.detail", kType},
        {"audio missing", part(R"("type":"input_audio")"), "messages[0].content[0].input_audio", kMissing},
        {"audio without data", part(R"("type":"input_audio","input_audio":{"format":"wav"})"),
         "messages[0].content[0].input_audio.data", kMissing},
        {"audio without format", part(R"("type":"input_audio","input_audio":{"data":"AA=="})"),
         "messages[0].content[0].input_audio.format", kMissing},
        {"file missing", part(R"("type":"file")"), "messages[0].content[0].file", kMissing},
        {"file data a number", part(R"("type":"file","file":{"file_data":1})"), "messages[0].content[0].file.file_data",
         kType},
        {"file id a number", part(R"("type":"file","file":{"file_id":1})"), "messages[0].content[0].file.file_id",
         kType},
        {"file name a number", part(R"("type":"file","file":{"filename":1})"), "messages[0].content[0].file.filename",
         kType},
    });
}

TEST(Refusal, CallsAndThinking)
{
    expect_rows({
        {"call that is no object", message(R"("role":"assistant","tool_calls":["x"])"), "messages[0].tool_calls[0]",
         kType},
        {"call without id", call(R"("function":{"name":"f","arguments":""})"), "messages[0].tool_calls[0].id",
         kMissing},
        {"id a number", call(R"("id":1,"function":{"name":"f","arguments":""})"), "messages[0].tool_calls[0].id",
         kType},
        {"call without function", call(R"("id":"c")"), "messages[0].tool_calls[0].function", kMissing},
        {"function a string", call(R"("id":"c","function":"f")"), "messages[0].tool_calls[0].function", kType},
        {"no name", call(R"("id":"c","function":{"arguments":""})"), "messages[0].tool_calls[0].function.name",
         kMissing},
        {"no arguments", call(R"("id":"c","function":{"name":"f"})"), "messages[0].tool_calls[0].function.arguments",
         kMissing},
        {"arguments an object", call(R"("id":"c","function":{"name":"f","arguments":{}})"),
         "messages[0].tool_calls[0].function.arguments", kType},
        {"custom without name", call(R"("id":"c","custom":{"input":"x"})"), "messages[0].tool_calls[0].custom.name",
         kMissing},
        {"custom without input", call(R"("id":"c","custom":{"name":"f"})"), "messages[0].tool_calls[0].custom.input",
         kMissing},
        {"the second call",
         message(R"("role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":""}},{}])"),
         "messages[0].tool_calls[1].id", kMissing},
        {"block without type", thinking(R"("thinking":"x")"), "messages[0].thinking_blocks[0].type", kMissing},
        {"block without text", thinking(R"("type":"thinking")"), "messages[0].thinking_blocks[0].thinking", kMissing},
        {"signature a number", thinking(R"("type":"thinking","thinking":"","signature":1)"),
         "messages[0].thinking_blocks[0].signature", kType},
        {"redacted without data", thinking(R"("type":"redacted_thinking")"), "messages[0].thinking_blocks[0].data",
         kMissing},
    });
}

TEST(Refusal, ToolsChoiceAndFormat)
{
    expect_rows({
        {"tools an object", with(R"("tools":{})"), "tools", kType},
        {"tool that is no object", with(R"("tools":["f"])"), "tools[0]", kType},
        {"tool without type", tool(R"("function":{"name":"f"})"), "tools[0].type", kMissing},
        {"tool without function", tool(R"("type":"function")"), "tools[0].function", kMissing},
        {"tool without name", tool(R"("type":"function","function":{})"), "tools[0].function.name", kMissing},
        {"description a number", tool(R"("type":"function","function":{"name":"f","description":1})"),
         "tools[0].function.description", kType},
        {"parameters a string", tool(R"("type":"function","function":{"name":"f","parameters":"{}"})"),
         "tools[0].function.parameters", kType},
        {"strict a string", tool(R"("type":"function","function":{"name":"f","strict":"yes"})"),
         "tools[0].function.strict", kType},
        {"custom tool without body", tool(R"("type":"custom")"), "tools[0].custom", kMissing},
        {"custom tool without name", tool(R"("type":"custom","custom":{})"), "tools[0].custom.name", kMissing},
        {"custom description", tool(R"("type":"custom","custom":{"name":"f","description":1})"),
         "tools[0].custom.description", kType},
        {"the second tool", with(R"("tools":[{"type":"function","function":{"name":"f"}},{}])"), "tools[1].type",
         kMissing},

        {"choice a number", choice("1"), "tool_choice", kType},
        {"unknown choice", choice(R"("always")"), "tool_choice", kValue},
        {"choice without type", choice("{}"), "tool_choice.type", kMissing},
        {"choice without function", choice(R"({"type":"function"})"), "tool_choice.function", kMissing},
        {"choice without name", choice(R"({"type":"function","function":{}})"), "tool_choice.function.name", kMissing},
        {"custom choice without body", choice(R"({"type":"custom"})"), "tool_choice.custom", kMissing},
        {"custom choice without name", choice(R"({"type":"custom","custom":{}})"), "tool_choice.custom.name", kMissing},
        {"allowed tools missing", choice(R"({"type":"allowed_tools"})"), "tool_choice.allowed_tools", kMissing},
        {"allowed tools without mode", choice(R"({"type":"allowed_tools","allowed_tools":{"tools":[]}})"),
         "tool_choice.allowed_tools.mode", kMissing},
        {"allowed tools without list", choice(R"({"type":"allowed_tools","allowed_tools":{"mode":"auto"}})"),
         "tool_choice.allowed_tools.tools", kMissing},

        {"format a string", format(R"("json")"), "response_format", kType},
        {"format without type", format("{}"), "response_format.type", kMissing},
        {"schema format without schema", format(R"({"type":"json_schema"})"), "response_format.json_schema", kMissing},
        {"schema format without name", format(R"({"type":"json_schema","json_schema":{}})"),
         "response_format.json_schema.name", kMissing},
        {"schema a string", format(R"({"type":"json_schema","json_schema":{"name":"n","schema":"{}"}})"),
         "response_format.json_schema.schema", kType},
        {"strict a number", format(R"({"type":"json_schema","json_schema":{"name":"n","strict":1}})"),
         "response_format.json_schema.strict", kType},
        {"description a number", format(R"({"type":"json_schema","json_schema":{"name":"n","description":1}})"),
         "response_format.json_schema.description", kType},

        {"stream a string", with(R"("stream":"true")"), "stream", kType},
        {"include_usage a number", with(R"("stream_options":{"include_usage":1})"), "stream_options.include_usage",
         kType},
    });
}

// Members that are single values: which types each takes. null is no value and
// is taken everywhere.
TEST(Refusal, TypesOfSingleValues)
{
    struct Field {
        std::string name;
        std::string_view types;  // b)ool n)umber s)tring a)rray o)bject
    };
    const Field fields[] = {
        {"temperature", "n"},
        {"top_p", "n"},
        {"top_k", "n"},
        {"max_tokens", "n"},
        {"max_completion_tokens", "n"},
        {"n", "n"},
        {"stop", "sa"},
        {"presence_penalty", "n"},
        {"frequency_penalty", "n"},
        {"logit_bias", "o"},
        {"logprobs", "bn"},
        {"top_logprobs", "n"},
        {"seed", "n"},
        {"parallel_tool_calls", "b"},
        {"reasoning_effort", "s"},
        {"thinking", "o"},
        {"verbosity", "s"},
        {"modalities", "a"},
        {"audio", "o"},
        {"prediction", "o"},
        {"web_search_options", "o"},
        {"store", "b"},
        {"metadata", "o"},
        {"service_tier", "s"},
        {"user", "s"},
        {"safety_identifier", "s"},
        {"prompt_cache_key", "s"},
        {"prompt_cache_options", "o"},
        {"prompt_cache_retention", "s"},
        {"cache_control", "o"},
        {"moderation", "o"},
        {"stream_options", "o"},
        {"functions", "a"},
        {"function_call", "so"},
        {"stream", "b"},
        {"tools", "a"},
    };
    const std::pair<char, std::string> samples[] = {
        {'b', "false"}, {'n', "1"}, {'s', "\"s\""}, {'a', "[]"}, {'o', "{}"}};
    for (const Field& field : fields) {
        std::string member = '"' + field.name + "\":";
        EXPECT_FALSE(read(with(member + "null")).refused) << field.name;
        for (const auto& [type, sample] : samples) {
            Refusal r = read(with(member + sample));
            bool fits = field.types.find(type) != field.types.npos;
            ASSERT_EQ(r.refused, !fits) << member << sample;
            if (fits) continue;
            EXPECT_EQ(r.error.param, field.name);
            EXPECT_EQ(r.error.code, kType);
        }
    }
}

TEST(Refusal, WordingOfMessages)
{
    const std::pair<std::string, std::string_view> rows[] = {
        {R"({"model":"m"})", "Missing required parameter: 'messages'."},
        {with(R"("temperature":"hot")"), "Invalid type for 'temperature': expected number, but got string instead."},
        {with(R"("stop":1)"), "Invalid type for 'stop': expected string or array, but got number instead."},
        {with("\"x\":\"\xff\""), "The request body is not valid JSON: string is not UTF-8."},
        {with(R"("model":"n")"), "The request body is not acceptable: duplicate object member."},
    };
    for (const auto& [body, text] : rows) EXPECT_EQ(read(body).error.message, text);
}

// A body's own bytes may stand in `param`; the answer is JSON all the same.
TEST(Refusal, WhatIsQuotedIsEscaped)
{
    Refusal r = read(with(R"("a\"b":1,"a\"b":2)"));
    ASSERT_TRUE(r.refused);
    std::string body = completions::error_body(r.error);
    json::Document doc;
    ASSERT_TRUE(doc.parse(body, json::Mode::strict).ok()) << body;
    EXPECT_EQ(doc.root().find("error")->find("param")->text(), R"(a\"b)");
}

}  // namespace

}  // namespace llm::test
