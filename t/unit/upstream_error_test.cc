// Error bodies of providers: what they say, and what the client is told (wire
// format: errors, sections 2 and 3).
#include "chat/upstream_error.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "client/completions/completions.hpp"
#include "dialects/anthropic/anthropic.hpp"
#include "dialects/openai/openai.hpp"
#include "guard.hpp"

namespace llm::test {

namespace {

struct Shape {
    std::string name, body;
    std::string message, type = {}, code = {}, param = {};
};

const std::string kEmpty = "The upstream answered with an empty body.";
const std::string kHtml = "The upstream answered with an HTML error page.";

const Shape kShapes[] = {
    {"openai", R"({"error":{"message":"no","type":"invalid_request_error","param":"model","code":"model_not_found"}})",
     "no", "invalid_request_error", "model_not_found", "model"},
    {"openai, nulls", R"({"error":{"message":"no","type":"server_error","param":null,"code":null}})", "no",
     "server_error"},
    {"anthropic", R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"})",
     "Overloaded", "overloaded_error"},
    {"gemini", R"({"error":{"code":404,"message":"no","status":"NOT_FOUND"}})", "no", "NOT_FOUND", "404"},
    {"gemini's compatible endpoint", R"([{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}])", "no",
     "INVALID_ARGUMENT", "400"},
    {"type before status", R"({"error":{"message":"no","type":"t","status":"s"}})", "no", "t"},
    {"openrouter", R"({"error":{"code":429,"message":"Provider returned error","metadata":{"raw":"x"}},"user_id":"u"})",
     "Provider returned error", "", "429"},
    {"vllm", R"({"error":{"message":"no","type":"BadRequestError","param":null,"code":400}})", "no", "BadRequestError",
     "400"},
    {"vllm, older: flat", R"({"object":"error","message":"no","type":"BadRequestError","param":null,"code":400})", "no",
     "BadRequestError", "400"},
    {"vllm, no key", R"({"error":"Unauthorized"})", "Unauthorized"},
    {"zhipu", R"({"error":{"code":"1214","message":"no"}})", "no", "", "1214"},
    {"xai", R"({"code":"Client specified an invalid argument","error":"no such thing"})", "no such thing", "",
     "Client specified an invalid argument"},
    {"hugging face", R"({"error":"no","error_type":"validation"})", "no"},
    {"mistral: flat", R"({"object":"error","message":"no","type":"invalid_model","param":null,"code":"1500"})", "no",
     "invalid_model", "1500"},
    {"mistral: message is an object", R"({"message":{"detail":[{"msg":"x"}]}})", R"({"detail":[{"msg":"x"}]})"},
    {"cerebras: flat",
     R"({"message":"no","type":"too_many_requests_error","param":"quota","code":"token_quota_exceeded"})", "no",
     "too_many_requests_error", "token_quota_exceeded", "quota"},
    {"bedrock", R"({"message":"no"})", "no"},
    {"bedrock, capital", R"({"Message":"no"})", "no"},
    {"cohere", R"({"id":"1","message":"invalid api token"})", "invalid api token"},
    {"detail: text", R"({"detail":"no"})", "no"},
    {"detail: object", R"({"detail":{"error":"no"}})", "no"},
    {"detail: list",
     R"({"detail":[{"type":"missing","loc":["body","messages",0,"role"],"msg":"Field required","input":{}}]})",
     "body.messages.0.role: Field required"},
    {"detail: two", R"({"detail":[{"loc":["body"],"msg":"a"},{"loc":["query","x"],"msg":"b"}]})",
     "body: a; query.x: b"},
    {"detail: no place", R"({"detail":[{"loc":[],"msg":"a"},{"msg":"b"},{"loc":null,"msg":"c"}]})", "a; b; c"},
    {"detail: no text", R"({"detail":[{"loc":["a"]}]})", "a: "},
    {"detail: things that are no objects", R"({"detail":["a",1]})", ""},
    {"nim: title and detail", R"({"status":402,"title":"Payment Required","detail":"Account is out of credits"})",
     "Account is out of credits", "402"},
    {"title alone", R"({"title":"Not Found"})", "Not Found"},
    {"fireworks, older", R"({"fault":{"faultstring":"no","detail":{"errorcode":"x"}}})", "no"},
    {"minimax", R"({"base_resp":{"status_code":2013,"status_msg":"invalid params"}})", "invalid params", "", "2013"},
    {"oauth", R"({"error_description":"no"})", "no"},
    {"msg", R"({"msg":"no"})", "no"},
    {"message before the others", R"({"message":"yes","detail":"no","title":"no","msg":"no"})", "yes"},
    {"escapes are decoded", R"({"error":{"message":"caf\u00e9 \"x\"\n"}})", "caf\xc3\xa9 \"x\"\n"},
    {"invalid utf-8", "{\"error\":{\"message\":\"caf\xe9\"}}", "caf\xef\xbf\xbd"},
    {"blanks around", "\r\n {\"message\":\"no\"} \n", "no"},
    {"plain text", "upstream connect error", "upstream connect error"},
    {"plain text, blanks", "\n  nope \r\n", "nope"},
    {"plain text, invalid utf-8", "caf\xe9", "caf\xef\xbf\xbd"},
    {"plain text, too long", std::string(600, 'x'), std::string(500, 'x')},
    {"json that is no object", "\"no\"", "\"no\""},
    {"number", "502", "502"},
    {"cut off json", R"({"error":{"mess)", R"({"error":{"mess)"},
    {"html", "<html><body><h1>502 Bad Gateway</h1></body></html>", kHtml},
    {"html, blanks in front", "\r\n\t<!DOCTYPE html>", kHtml},
    {"xml", "<?xml version=\"1.0\"?><Error/>", kHtml},
    {"nothing", "", kEmpty},
    {"blanks only", " \r\n", kEmpty},
    {"no message anywhere", R"({"id":1})", ""},
    {"empty object", "{}", ""},
    {"empty array", "[]", ""},
    {"array of something else", "[1,2]", ""},
    {"error is an empty object", R"({"error":{}})", ""},
};

TEST(UpstreamError, Shapes)
{
    for (const Shape& row : kShapes) {
        SCOPED_TRACE(row.name);
        chat::ErrorBody body = chat::read_error_body(Guarded(row.body).view());
        EXPECT_EQ(body.message, row.message);
        EXPECT_EQ(body.type, row.type);
        EXPECT_EQ(body.code, row.code);
        EXPECT_EQ(body.param, row.param);
    }
}

// A provider's text about the gateway's credential may quote a part of it.
TEST(UpstreamError, CredentialsAreNeverQuoted)
{
    const std::string secret = "sk-live-1234";
    struct Case {
        std::string name;
        int status;
        std::string body;
    };
    const Case rows[] = {
        {"401", 401, R"({"error":{"message":"Incorrect API key provided: sk-live-1234","param":"sk-live-1234"}})"},
        {"403, plain text", 403, "no access for sk-live-1234"},
        {"402", 402, R"({"error":"sk-live-1234 is out of credits"})"},
        {"429, quota", 429, R"({"error":{"message":"sk-live-1234: insufficient_quota"}})"},
        {"400, key", 400, R"([{"error":{"code":400,"message":"API key not valid: sk-live-1234"}}])"},
        {"400, key, xai", 400,
         R"({"code":"Client specified an invalid argument","error":"Incorrect API key provided: sk-live-1234"})"},
        {"400, credit", 400, R"({"error":{"message":"Your credit balance is too low, sk-live-1234"}})"},
        {"401, anthropic's shape", 401,
         R"({"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key sk-live-1234"}})"},
        {"200, anthropic's shape", 0,
         R"({"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key sk-live-1234"}})"},
    };
    for (const Case& row : rows) {
        for (const chat::ApiError& e :
             {openai::decode_error(row.status, row.body), anthropic::decode_error(row.status, row.body)}) {
            EXPECT_EQ(e.kind, chat::ErrorClass::upstream_credential) << row.name;
            EXPECT_EQ(e.status(), 502) << row.name;
            EXPECT_EQ(e.code_text(), "upstream_credentials_exhausted") << row.name;
            EXPECT_EQ(completions::error_body(e).find(secret), std::string::npos) << row.name;
        }
    }
}

TEST(UpstreamError, WhatIsTold)
{
    struct Told {
        std::string name;
        int status;
        std::string body;
        std::string expected;  // status, type, code, param: message
    };
    const Told rows[] = {
        {"its own code", 400, R"({"error":{"message":"no","type":"x","param":"seed","code":"unsupported_value"}})",
         "400 invalid_request_error unsupported_value seed: no"},
        {"longest code", 400, R"({"error":{"message":"no","code":")" + std::string(64, 'c') + "\"}}",
         "400 invalid_request_error " + std::string(64, 'c') + " -: no"},
        {"a code too long for one", 400, R"({"error":{"message":"no","code":")" + std::string(65, 'c') + "\"}}",
         "400 invalid_request_error - -: no"},
        {"a code with a header in it", 400, R"({"error":{"message":"no","code":"bad\r\nX-Injected: 1"}})",
         "400 invalid_request_error - -: no"},
        {"a sentence is no code", 400, R"({"error":"no","code":"Client specified an invalid argument"})",
         "400 invalid_request_error - -: no"},
        {"a number is no code", 400, R"({"error":{"message":"no","code":400}})", "400 invalid_request_error - -: no"},
        {"our code where there is one", 400, R"({"error":{"message":"prompt is too long","code":"x"}})",
         "400 invalid_request_error context_length_exceeded -: prompt is too long"},
        {"any 4xx is a 400", 422, R"({"detail":"no"})", "400 invalid_request_error - -: no"},
        {"model", 404, R"({"error":{"message":"no m","code":"x"}})",
         "404 invalid_request_error model_not_found -: no m"},
        {"rate", 429, R"({"message":"slower"})", "429 rate_limit_error rate_limit_exceeded -: slower"},
        {"server", 500, "<html>", "502 upstream_error upstream_error -: " + kHtml},
        {"overloaded", 529, "", "503 service_unavailable_error overloaded -: " + kEmpty},
        {"timeout", 504, "{}", "504 timeout_error timeout -: The upstream gave no error message."},
    };
    auto or_dash = [](std::string_view s) { return std::string(s.empty() ? "-" : s); };
    for (const Told& row : rows) {
        chat::ApiError e = openai::decode_error(row.status, row.body);
        EXPECT_EQ(std::to_string(e.status()) + ' ' + std::string(e.type_text()) + ' ' + or_dash(e.code_text()) + ' ' +
                      or_dash(e.param) + ": " + e.message,
                  row.expected)
            << row.name;
    }
}

// A provider can send megabytes; what is kept of them is searched and told.
TEST(UpstreamError, TextsAreCut)
{
    auto message_of = [](const std::string& inside) {
        return chat::read_error_body(R"({"error":{"message":")" + inside + "\"}}").message;
    };
    EXPECT_EQ(message_of(std::string(2048, 'x')), std::string(2048, 'x'));
    EXPECT_EQ(message_of(std::string(2049, 'x')), std::string(2048, 'x'));
    std::string accents, escapes, pairs;
    for (int i = 0; i < 2000; i++) {
        accents += "\xc3\xa9";
        escapes += "\\u00e9";
        pairs += "\\ud83d\\ude00";
    }
    for (const std::string& text : {"x" + accents, "x" + escapes, "x" + pairs}) {
        std::string message = message_of(text);
        EXPECT_GE(message.size(), 2045U);
        EXPECT_LE(message.size(), 2048U);
        EXPECT_TRUE(text::is_utf8(message));
        EXPECT_EQ(message.find("\xef\xbf\xbd"), message.npos);
    }

    std::string big(1 << 20, 'b'), word(128, 'b');
    chat::ErrorBody body = chat::read_error_body(R"({"error":{"message":[")" + big + R"("],"type":")" + big +
                                                 R"(","code":")" + big + R"(","param":")" + big + "\"}}");
    EXPECT_EQ(body.message, "[\"" + std::string(2046, 'b'));
    EXPECT_EQ(body.type, word);
    EXPECT_EQ(body.code, word);
    EXPECT_EQ(body.param, word);

    std::string details = R"({"loc":["a"],"msg":"b"})", steps = "\"s\"";
    for (int i = 0; i < 12; i++) {
        details += ',' + details;
        steps += ',' + steps;
    }
    EXPECT_EQ(chat::read_error_body("{\"detail\":[" + details + "]}").message.size(), 2048U);
    EXPECT_LT(chat::read_error_body("{\"detail\":[{\"loc\":[" + steps + "],\"msg\":\"m\"}]}").message.size(), 300U);
    EXPECT_EQ(chat::read_error_body(R"({"detail":")" + big + "\"}").message.size(), 2048U);
    EXPECT_EQ(chat::read_error_body(R"({"error":")" + big + "\"}").message.size(), 2048U);
}

TEST(UpstreamError, WaitsInTexts)
{
    struct Wait {
        std::string_view text;
        int64_t ms;
    };
    const Wait rows[] = {
        {"Please retry after 26 seconds.", 26000},
        {"Rate limit reached. Please try again in 1.2s. Visit https://example.com", 1200},
        {"Please try again in 120ms.", 120},
        {"please retry in 34.4s", 34400},
        {"retry in 500 milliseconds", 500},
        {"Try Again In 1 minute", 60000},
        {"try again in 0m6.5s.", 6500},
        {"Please try again in 6m0s.", 360000},
        {"retry after 40 days", 3600000},
        {"retry after 26", -1},
        {"retry after 26 tokens", -1},
        {"retry after a while, or try again in 3s", 3000},
        {"try again in ", -1},
        {"try again in 1e9s", -1},
        {"slower", -1},
    };
    for (const Wait& row : rows) {
        std::string body = R"({"error":{"message":")" + std::string(row.text) + "\"}}";
        EXPECT_EQ(openai::decode_error(429, body).retry_after_ms, row.ms) << row.text;
        EXPECT_EQ(anthropic::decode_error(529, body).retry_after_ms, row.ms) << row.text;
        EXPECT_EQ(openai::decode_error(429, row.text).retry_after_ms, row.ms) << row.text;
        // Waiting does not help everywhere.
        EXPECT_EQ(openai::decode_error(400, body).retry_after_ms, -1) << row.text;
    }
    const std::string info = R"({"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"3s"})";
    for (const std::string& details : {"[" + info + "]", R"([{"retryDelay":1},"x",)" + info + "]"}) {
        std::string body = R"({"error":{"code":429,"message":"retry in 9s","details":)" + details + "}}";
        EXPECT_EQ(openai::decode_error(429, body).retry_after_ms, 3000);
    }
}

}  // namespace

}  // namespace llm::test
