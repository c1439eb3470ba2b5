// Which class the errors of providers are (wire format: errors, sections 2, 4, 5
// and 7).
#include <gtest/gtest.h>

#include <span>

#include "chat/upstream_error.hpp"
#include "dialects/anthropic/anthropic.hpp"
#include "dialects/openai/openai.hpp"

namespace llm::test {

namespace {

using chat::ErrorClass;

constexpr ErrorClass kContext = ErrorClass::context_length;
constexpr ErrorClass kPolicy = ErrorClass::content_policy;
constexpr ErrorClass kCredential = ErrorClass::upstream_credential;
constexpr ErrorClass kRate = ErrorClass::upstream_rate_limited;
constexpr ErrorClass kModel = ErrorClass::upstream_model;
constexpr ErrorClass kOverloaded = ErrorClass::upstream_overloaded;
constexpr ErrorClass kServer = ErrorClass::upstream_server;
constexpr ErrorClass kRejected = ErrorClass::upstream_rejected;
constexpr ErrorClass kTimeout = ErrorClass::timeout;
constexpr ErrorClass kTooLarge = ErrorClass::too_large;

struct Row {
    std::string name;
    int status;
    std::string body;
    ErrorClass kind;
};

const Row kByStatus[] = {
    {"400", 400, "{}", kRejected},   {"401", 401, "{}", kCredential}, {"402", 402, "{}", kCredential},
    {"403", 403, "{}", kCredential}, {"404", 404, "{}", kModel},      {"405", 405, "{}", kRejected},
    {"408", 408, "{}", kTimeout},    {"409", 409, "{}", kRejected},   {"413", 413, "{}", kTooLarge},
    {"422", 422, "{}", kRejected},   {"429", 429, "{}", kRate},       {"500", 500, "{}", kServer},
    {"502", 502, "<html>", kServer}, {"503", 503, "", kOverloaded},   {"504", 504, "", kTimeout},
    {"529", 529, "", kOverloaded},   {"599", 599, "", kServer},
};

const Row kByProvider[] = {
    {"openai: context", 400,
     R"({"error":{"message":"This model's maximum context length is 8192 tokens.","code":"context_length_exceeded"}})",
     kContext},
    {"openai: context by code alone", 400, R"({"error":{"message":"no","code":"context_length_exceeded"}})", kContext},
    {"openai: reasoning models", 400,
     R"({"error":{"message":"Input tokens exceed the configured limit of 272000 tokens."}})", kContext},
    {"openai: policy", 400, R"({"error":{"message":"no","code":"content_policy_violation"}})", kPolicy},
    {"openai: prompt", 400, R"({"error":{"message":"no","code":"invalid_prompt"}})", kPolicy},
    {"openai: images", 400, R"({"error":{"message":"Your request was rejected as a result of our safety system."}})",
     kPolicy},
    {"openai: key", 401, R"({"error":{"message":"Incorrect API key provided: sk-abc","code":"invalid_api_key"}})",
     kCredential},
    {"openai: country", 403, R"({"error":{"message":"no","code":"unsupported_country_region_territory"}})",
     kCredential},
    {"openai: model", 404, R"({"error":{"message":"The model `x` does not exist","code":"model_not_found"}})", kModel},
    {"openai: quota", 429, R"({"error":{"message":"no","type":"insufficient_quota","code":"insufficient_quota"}})",
     kCredential},
    {"openai: rate", 429,
     R"({"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}})", kRate},
    {"openai: slow down", 503, R"({"error":{"message":"Slow down","code":"slow_down"}})", kOverloaded},
    {"openai: server", 500, R"({"error":{"message":"The server had an error","type":"server_error"}})", kServer},
    {"a rate in tokens is no context", 429,
     R"({"error":{"message":"Rate limit: prompt is too long for your tokens per minute"}})", kRate},
    {"azure: filter", 400,
     R"({"error":{"code":"content_filter","message":"filtered","innererror":{"code":"ResponsibleAIPolicyViolation"}}})",
     kPolicy},
    {"azure: deployment", 404, R"({"error":{"code":"DeploymentNotFound","message":"no"}})", kModel},
    {"azure: timeout", 408, R"({"error":{"code":"Timeout","message":"no"}})", kTimeout},
    {"gemini: context", 400,
     R"({"error":{"code":400,)"
     R"("message":"The input token count exceeds the maximum number of tokens allowed (1048576)."}})",
     kContext},
    {"gemini: rate", 429, R"({"error":{"code":429,"message":"no","status":"RESOURCE_EXHAUSTED"}})", kRate},
    {"gemini: overloaded", 503, R"({"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}})",
     kOverloaded},
    {"gemini: deadline", 504, R"({"error":{"code":504,"message":"no","status":"DEADLINE_EXCEEDED"}})", kTimeout},
    {"gemini: key", 400, R"([{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}])",
     kCredential},
    {"cohere: too many tokens", 400, R"({"message":"too many tokens: 5000"})", kContext},
    {"bedrock: tokens a minute", 400, R"({"message":"Too many tokens, please wait before trying again."})", kRejected},
    {"cohere: key without a 401", 498, R"({"message":"invalid api token"})", kCredential},
    {"cohere: key", 401, R"({"message":"invalid api token"})", kCredential},
    {"mistral: unknown field", 422,
     R"({"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted"}]})",
     kRejected},
    {"mistral: capacity", 429, R"({"message":"Service tier capacity exceeded for this model."})", kRate},
    {"deepseek: balance", 402, R"({"error":{"message":"Insufficient Balance"}})", kCredential},
    {"groq: tool", 400,
     R"({"error":{"message":"no","type":"invalid_request_error","code":"tool_use_failed","failed_generation":"x"}})",
     kRejected},
    {"groq: tokens a minute", 413, R"({"error":{"message":"Request too large","code":"rate_limit_exceeded"}})",
     kTooLarge},
    {"groq: flex", 498, R"({"error":{"message":"no","type":"capacity_exceeded"}})", kOverloaded},
    {"xai: key", 400, R"({"code":"Client specified an invalid argument","error":"Incorrect API key provided: x"})",
     kCredential},
    {"xai: argument", 400, R"({"code":"Client specified an invalid argument","error":"no"})", kRejected},
    {"openrouter: credits", 402, R"({"error":{"code":402,"message":"Insufficient credits"}})", kCredential},
    {"openrouter: moderation", 403, R"({"error":{"code":403,"message":"moderation: your input was flagged"}})",
     kPolicy},
    {"zhipu: arrears", 429, R"({"error":{"code":"1113","message":"no"}})", kCredential},
    {"zhipu: context", 400, R"({"error":{"code":"1261","message":"no"}})", kContext},
    {"zhipu: policy", 400, R"({"error":{"code":"1301","message":"no"}})", kPolicy},
    {"zhipu: a number that says nothing", 400, R"({"error":{"code":"1214","message":"1261 is no message"}})",
     kRejected},
    {"openrouter: provider down", 502, R"({"error":{"code":502,"message":"Provider returned error"}})", kServer},
    {"llama.cpp: context", 400,
     R"({"error":{"code":400,"message":"request exceeds the available context size","type":"x"}})", kContext},
    {"llama.cpp: context by type alone", 400,
     R"({"error":{"code":400,"message":"no","type":"exceed_context_size_error"}})", kContext},
    {"llama.cpp: loading", 503, R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})",
     kOverloaded},
    {"tgi: context", 422, R"({"error":"`inputs` tokens + `max_new_tokens` must be <= 4096","error_type":"validation"})",
     kContext},
    {"cerebras: context", 400,
     R"({"message":"Please reduce the length of the messages or completion.","code":"context_length_exceeded"})",
     kContext},
    {"dashscope: context", 400, R"({"error":{"message":"Range of input length should be [1, 30720]"}})", kContext},
    {"dashscope: inspection", 400, R"({"error":{"code":"data_inspection_failed","message":"no"}})", kPolicy},
    {"dashscope: arrears", 400,
     R"({"error":{"code":"Arrearage","message":"Access denied, your account is in arrears."}})", kCredential},
    {"moonshot: quota", 429, R"({"error":{"message":"no","type":"exceeded_current_quota_error"}})", kCredential},
    {"moonshot: rate", 429, R"({"error":{"message":"no","type":"rate_limit_reached_error"}})", kRate},
    {"a context error in a 500", 500, R"({"error":{"message":"prompt is too long"}})", kContext},
    {"a tool called like a word", 400,
     R"({"error":{"message":"tools.0.name: 'list_arrears' does not match pattern","type":"invalid_request_error"}})",
     kRejected},
    {"a tool called like a credential's word", 400,
     R"({"error":{"message":"tools.0.name: 'insufficient_quota billing_error' does not match pattern"}})", kRejected},
    {"a message that is a credential's word", 400, R"({"error":{"message":"insufficient_quota"}})", kRejected},
    {"a tool called like a policy", 400, R"({"error":{"message":"tool 'content_filter config' is no name"}})",
     kRejected},
    {"plain English", 400, R"({"error":{"message":"invalid prompt template variable"}})", kRejected},
    {"a tool called like a context", 400, R"({"error":{"message":"tool 'context_length_exceeded': no"}})", kRejected},
    {"a word in a 429's message", 429, R"({"error":{"message":"k: insufficient_quota"}})", kCredential},
    {"bare invalid_request_error is no policy", 400, R"({"error":{"message":"no","type":"invalid_request_error"}})",
     kRejected},
};

// Inside a 200 stream nothing but the words tells (section 7).
const Row kInStream[] = {
    {"numeric code", 0, R"({"error":{"message":"no","code":429}})", kRate},
    {"code of three digits in a string", 0, R"({"error":{"message":"no","code":"503"}})", kOverloaded},
    {"code that is no status", 0, R"({"error":{"message":"no","code":200}})", kServer},
    {"quota", 0, R"({"error":{"message":"no","code":"insufficient_quota"}})", kCredential},
    {"rate limit", 0, R"({"error":{"message":"no","type":"rate_limit_error"}})", kRate},
    {"authentication", 0, R"({"error":{"message":"no","type":"authentication_error"}})", kCredential},
    {"permission", 0, R"({"error":{"message":"no","type":"permission_error"}})", kCredential},
    {"not found", 0, R"({"error":{"message":"no","code":"model_not_found"}})", kModel},
    {"overload", 0, R"({"error":{"message":"no","type":"engine_overloaded_error"}})", kOverloaded},
    {"timeout", 0, R"({"error":{"message":"no","type":"timeout_error"}})", kTimeout},
    {"invalid", 0, R"({"error":{"message":"no","type":"invalid_request_error"}})", kRejected},
    {"bad request", 0, R"({"error":{"message":"no","type":"bad_request"}})", kRejected},
    {"context", 0, R"({"error":{"message":"no","code":"context_length_exceeded"}})", kContext},
    {"policy", 0, R"({"error":{"message":"no","code":"content_filter"}})", kPolicy},
    {"groq: type before status_code", 0,
     R"({"error":{"message":"no","type":"invalid_request_error","code":"tool_use_failed","status_code":400}})",
     kRejected},
    {"a tool that was called", 0, R"({"error":{"message":"Failed to call 'list_arrears'","code":"tool_use_failed"}})",
     kServer},
    {"too large", 0, R"({"error":{"message":"no","type":"request_too_large"}})", kTooLarge},
    {"anything else", 0, R"({"error":{"message":"Internal"}})", kServer},
    {"a text", 0, R"({"error":"CUDA out of memory"})", kServer},
};

void expect_classes(std::span<const Row> rows)
{
    for (const Row& row : rows) {
        EXPECT_EQ(chat::classify(row.status, chat::read_error_body(row.body)), row.kind) << row.name;
        if (row.status == 0) continue;
        EXPECT_EQ(openai::decode_error(row.status, row.body).kind, row.kind) << row.name;
    }
}

TEST(UpstreamClass, ClassesByStatus)
{
    expect_classes(kByStatus);
}
TEST(UpstreamClass, ClassesByProvider)
{
    expect_classes(kByProvider);
}
TEST(UpstreamClass, ClassesInAStream)
{
    expect_classes(kInStream);
}

// Each of the texts by which a class is known, alone, in any case.
TEST(UpstreamClass, TextsOfContextLength)
{
    for (std::string_view text : {
             "maximum context length is",
             "context_length_exceeded",
             "maximum context limit",
             "Prompt is too long",
             "exceed context limit",
             "exceeds the available context size",
             "exceed_context_size",
             "the input token count (9) exceeds the maximum number of tokens allowed",
             "input is too long",
             "too many input tokens",
             "input tokens exceed the configured limit",
             "string too long. Expected a string with maximum length",
             "is longer than the model's context length",
             "longer than the model's maximum context length",
             "`inputs` tokens + `max_new_tokens` must be",
             "reduce the length of the messages",
             "prompt: length: 1..",
             "tokens in request more than max tokens allowed",
             "Range of input length should be",
             "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
             "expected maxLength: 30720",
             "too many tokens: the total must be at most 4096",
         }) {
        EXPECT_EQ(chat::classify(400, {std::string(text), "", "", ""}), kContext) << text;
    }
}

TEST(UpstreamClass, TextsOfContentPolicy)
{
    for (std::string_view text : {
             "content_policy_violation",
             "content_filter",
             "content management policy",
             "ResponsibleAIPolicyViolation",
             "violating our usage policy",
             "content filtering policy",
             "your task failed as a result of our safety system",
             "data_inspection_failed",
             "invalid_prompt",
             "Invalid prompt: it was flagged",
             "The model produced invalid content",
             "The response was blocked",
             "Your chosen model requires moderation and your input was flagged",
         }) {
        EXPECT_EQ(chat::classify(400, {std::string(text), "", "", ""}), kPolicy) << text;
    }
}

TEST(UpstreamClass, AnthropicTypes)
{
    struct Typed {
        std::string_view type;
        int status;
        ErrorClass kind;
    };
    const Typed rows[] = {
        {"invalid_request_error", 400, kRejected}, {"authentication_error", 401, kCredential},
        {"billing_error", 402, kCredential},       {"permission_error", 403, kCredential},
        {"not_found_error", 404, kModel},          {"request_too_large", 413, kTooLarge},
        {"rate_limit_error", 429, kRate},          {"api_error", 500, kServer},
        {"timeout_error", 504, kTimeout},          {"overloaded_error", 529, kOverloaded},
        {"brand_new_error", 418, kRejected},       {"brand_new_error", 500, kServer},
    };
    for (const Typed& row : rows) {
        std::string body = R"({"type":"error","error":{"type":")" + std::string(row.type) + R"(","message":"no"}})";
        EXPECT_EQ(anthropic::decode_error(row.status, body).kind, row.kind) << row.type;
        // In a stream the type alone tells.
        if (row.type == "brand_new_error") continue;
        EXPECT_EQ(anthropic::decode_error(0, body).kind, row.kind) << row.type;
    }
    const std::pair<std::string_view, ErrorClass> texts[] = {
        {"prompt is too long: 210000 tokens > 200000 maximum", kContext},
        {"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", kContext},
        {"Output blocked by content filtering policy", kPolicy},
        {"Your credit balance is too low to access the Anthropic API.", kCredential},
    };
    for (auto [text, kind] : texts) {
        std::string body =
            R"({"type":"error","error":{"type":"invalid_request_error","message":")" + std::string(text) + "\"}}";
        EXPECT_EQ(anthropic::decode_error(400, body).kind, kind) << text;
        EXPECT_EQ(anthropic::decode_error(0, body).kind, kind) << text;
    }
}

}  // namespace

}  // namespace llm::test
