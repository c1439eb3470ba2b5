#pragma once

#include <string>
#include <vector>

// Texts that mutations start from: JSON as it comes through a gateway, and the
// corners of the grammar, good and bad.
namespace llm::test {

inline std::vector<std::string> json_seeds()
{
    std::string hidden(48, 'h');  // long enough to be hidden from yajl
    std::string wide;
    for (int i = 0; i < 130; i++) wide += (i ? "," : "") + std::string("\"s") + std::to_string(i) + '"';
    std::string members;
    for (int i = 0; i < 20; i++) members += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":" + std::to_string(i);

    return {
        "null",
        " true ",
        "false\n",
        "-0.5e+10",
        "123456789012345678901234567890",
        R"("")",
        R"("text \" \\ \/ \b\f\n\r\t \u00e9 \ud83d\ude00")",
        "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"",
        "[]",
        "{}",
        "[[],{},[[]],[{}]]",
        "[1,2.5,-3,4e5,0]",
        "[ null , true , false ]",
        R"({"a":1,"b":2,"c":3})",
        R"({"a":{"a":{"a":[{"a":"a"}]}}})",
        "\t[\r\n1\t,\n2 ]\r",
        R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]})",
        R"({"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f",)"
        R"("arguments":"{\"x\": 1}"}}]})",
        R"({"type":"object","properties":{"q":{"type":"string","enum":["a","b"]},"n":{"minimum":0.10}},)"
        R"("required":["q"]})",
        R"({"choices":[{"index":0,"delta":{"content":" world"},"finish_reason":null}],"usage":null})",
        R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\n\n"}}    )",
        R"({"error":{"message":"no","type":"x","param":null,"code":429}})",
        R"({"metadata":{"":"","a\u0020b":"c","\/":"/"}})",
        R"({"temperature":1.0e+2,"top_p":0.10,"seed":-9223372036854775808})",
        "[\"" + hidden + "\"]",
        "{\"" + hidden + "\":\"" + hidden + "\"}",
        "[\"" + hidden + "\\n\",\"" + hidden + "\xc3\xa9\",1,\"" + hidden + "\"]",
        "{\"url\":\"data:image/png;base64," + hidden + hidden + "\",\"n\":[1,\"" + hidden + "\"]}",
        "[" + wide + "]",
        "{\"many\":[" + wide + ",\"" + hidden + "\"," + wide + "]}",
        "{" + members + "}",
        "[{" + members + "},{" + members + "}]",
        R"({"a":1,"a":2})",
        R"({"\u0061":1,"a":2})",
        "{" + members + ",\"k7\":0}",
        "[\"\xff\"]",
        "[1,]",
        "{\"a\":\f1}",
        "[\v]",
        "[\"\x01\"]",
        R"(["\ud800","\udc00"])",
        "/* c */ 1",
        "{'a':1}",
        "[01,+1,.5]",
    };
}

}  // namespace llm::test
