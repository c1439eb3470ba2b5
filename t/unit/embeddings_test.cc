// Embeddings and reranking through the core: what is sent, part by part, and
// what becomes of the answers.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "json/document.hpp"
#include "relay/vectors_task.hpp"

namespace llm::test {

namespace {

// A provider of our own whose calls take two inputs.
const dialects::Embeddings& pairs()
{
    static const dialects::Embeddings codec = [] {
        dialects::Embeddings c = *providers::find("openai")->embeddings.codec;
        c.batch = [](std::string_view) -> size_t { return 2; };
        return c;
    }();
    return codec;
}

providers::Provider row(const dialects::Embeddings* codec = nullptr)
{
    providers::Provider p = *providers::find("openai");
    if (codec) p.embeddings.codec = codec;
    return p;
}

std::string told(const chat::ApiError& e)
{
    return std::to_string(e.status()) + ' ' + e.param + ' ' + std::string(e.code_text()) + ": " + e.message;
}

// One request, its calls in parts, and the client's answer.
template <class TaskType>
struct Round {
    explicit Round(std::string text, providers::Provider p = row(), std::string rename = {})
        : body(std::move(text)), provider(p)
    {
        good = task.read(body, {}, error);
        if (!good) return;
        settings.id = "r1";
        settings.model = rename;
        call = task.call(provider, "m", settings);
        for (size_t i = 0; i < call->parts(); i++) {
            dialects::EncodedRequest out;
            dialects::EncodeOptions options;
            options.model = "m";
            EXPECT_TRUE(call->encode(i, options, out, error));
            sent.push_back(out.body.str());
        }
    }

    // The client's body, or the error.
    std::string answer(std::vector<std::string> bodies)
    {
        Rope out;
        relay::Seen seen;
        answers = std::move(bodies);
        for (size_t i = 0; i < answers.size(); i++) {
            if (!call->take(i, answers[i], out, seen)) return told(seen.error);
        }
        usage = seen.usage;
        EXPECT_TRUE(seen.complete);
        return out.str();
    }

    std::string body;
    providers::Provider provider;
    TaskType task;
    chat::ApiError error;
    bool good;
    relay::Settings settings;
    std::unique_ptr<relay::Call> call;
    std::vector<std::string> sent, answers;
    chat::Usage usage;
};
using Embed = Round<relay::EmbeddingsTask>;
using Order = Round<relay::RerankTask>;

TEST(Embeddings, TheClientsOwnBytes)
{
    Embed r(R"({ "input":["a\u0062", "c"] ,"model":"x","dimensions":1e2, "extra":{"a":1.50} })");
    ASSERT_EQ(r.sent.size(), 1U);
    EXPECT_EQ(r.sent[0], R"({ "input":["a\u0062", "c"] ,"model":"m","dimensions":1e2, "extra":{"a":1.50} })");
}

TEST(Embeddings, InParts)
{
    Embed r(R"({"input":["a" , "b", "c" ,"d","e"],"model":"m"})", row(&pairs()));
    EXPECT_EQ(r.sent, (std::vector<std::string>{
                          R"({"input":["a" , "b"],"model":"m"})",
                          R"({"input":["c" ,"d"],"model":"m"})",
                          R"({"input":["e"],"model":"m"})",
                      }));
    // Within a part they come in any order; the last answer completes it.
    EXPECT_EQ(
        r.answer(
            {R"({"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1.50]}],"usage":{"prompt_tokens":3}})",
             R"({"data":[{"embedding":[3]},{"embedding":[4]}],"model":"real","usage":{"prompt_tokens":4}})",
             R"({"data":[{"index":0,"embedding":[5]}]})"}),
        R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.50]},)"
        R"({"object":"embedding","index":1,"embedding":[2]},{"object":"embedding","index":2,"embedding":[3]},)"
        R"({"object":"embedding","index":3,"embedding":[4]},{"object":"embedding","index":4,"embedding":[5]}],)"
        R"("model":"real","usage":{"prompt_tokens":7,"total_tokens":7}})");
    EXPECT_EQ(r.usage.prompt, 7);
}

TEST(Embeddings, TokensInParts)
{
    Embed r(R"({"model":"m","input":[[1,2],[3],[ 4 ]]})", row(&pairs()));
    EXPECT_EQ(r.sent,
              (std::vector<std::string>{R"({"model":"m","input":[[1,2],[3]]})", R"({"model":"m","input":[[ 4 ]]})"}));
    Embed one(R"({"model":"m","input":[1,2,3]})", row(&pairs()));
    EXPECT_EQ(one.sent, (std::vector<std::string>{R"({"model":"m","input":[1,2,3]})"}));
}

TEST(Embeddings, AnswersPassThrough)
{
    Embed r(R"({"input":"a","model":"m"})");
    std::string body = R"({ "data":[{"embedding":[0.1000]}], "extra":true,"usage":{"prompt_tokens":1} })";
    EXPECT_EQ(r.answer({body}), body);
    EXPECT_EQ(r.usage.prompt, 1);
}

TEST(Embeddings, UnderTheNameThatWasAsked)
{
    Embed r(R"({"input":"a","model":"m"})", row(), "asked \"x\"");
    EXPECT_EQ(r.answer({R"({"data":[{"embedding":[0.1000]}],"model":"real"})"}),
              R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1000]}],)"
              R"("model":"asked \"x\"","usage":{"prompt_tokens":0,"total_tokens":0}})");
}

// 1, -2.5 and 0.1 in single precision, little-endian.
constexpr std::string_view kBase64 = "AACAPwAAIMDNzMw9";

TEST(Embeddings, ConvertedToBase64)
{
    Embed r(R"({"input":"a","model":"m","encoding_format":"base64"})");
    std::string client = r.answer({R"({"data":[{"embedding":[1, -2.5e0 ,0.1]}]})"});
    EXPECT_NE(client.find("\"" + std::string(kBase64) + "\""), client.npos) << client;
    // What no single holds is the nearest that one does.
    Embed small(R"({"input":"a","model":"m","encoding_format":"base64"})");
    EXPECT_NE(small.answer({R"({"data":[{"embedding":[1e-400]}]})"}).find("\"AAAAAA==\""), std::string::npos);
}

TEST(Embeddings, ConvertedToFloats)
{
    Embed r(R"({"input":"a","model":"m"})");
    std::string client = r.answer({R"({"data":[{"embedding":")" + std::string(kBase64) + R"("}]})"});
    EXPECT_NE(client.find("[1,-2.5,0.1]"), client.npos) << client;
    Embed same(R"({"input":"a","model":"m","encoding_format":"base64"})");
    std::string body = R"({"data":[{"embedding":"AACAPw=="}]})";
    EXPECT_EQ(same.answer({body}), body);
}

TEST(Embeddings, AnswersThatAreNone)
{
    struct Row {
        std::string_view body, error;
    };
    constexpr std::string_view kBad = "502  upstream_error: The upstream's answer cannot be used: ";
    const Row rows[] = {
        {"<html>", "malformed JSON."},
        {"[]", "answer without data."},
        {"{}", "answer without data."},
        {R"({"data":[]})", "answer without all embeddings."},
        {R"({"data":[{"embedding":[1]},{"embedding":[1]}]})", "embedding of an input that was not sent."},
        {R"({"data":[{"index":7,"embedding":[1]}]})", "embedding of an input that was not sent."},
        {R"({"data":[{"embedding":{}}]})", "embedding that is no vector."},
        {R"({"data":[{"embedding":["1"]}]})", "embedding that is no vector."},
        {R"({"data":[{"embedding":"AAA="}]})", "embedding that is no vector."},      // two bytes
        {R"({"data":[{"embedding":"AADAfw=="}]})", "embedding that is no vector."},  // NaN
        {R"({"data":[{"embedding":"AACAfw=="}]})", "embedding that is no vector."},  // infinite
        {R"({"data":[{"embedding":"????"}]})", "embedding that is no vector."},
        {R"({"data":[1]})", "answer without all embeddings."},
    };
    for (const Row& row : rows) {
        Embed r(R"({"input":"a","model":"m"})");
        EXPECT_EQ(r.answer({std::string(row.body)}), std::string(kBad) + std::string(row.error)) << row.body;
    }
    Embed failed(R"({"input":"a","model":"m"})");
    EXPECT_EQ(failed.answer({R"({"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}})"}),
              "429  rate_limit_exceeded: Rate limit reached");
}

TEST(Embeddings, RequestsThatAreNone)
{
    struct Row {
        std::string_view body, error;
    };
    const Row rows[] = {
        {"[]", "400  : The request body must be a JSON object."},
        {R"({"input":"a"})", "400 model missing_required_parameter: Missing required parameter: 'model'."},
        {R"({"model":"m"})", "400 input missing_required_parameter: Missing required parameter: 'input'."},
        {R"({"model":"m","input":[]})", "400 input empty_array: Invalid 'input': the array is empty."},
        {R"({"model":"m","input":1})",
         "400 input invalid_type: Invalid type for 'input': expected string or array, but got number instead."},
        {R"({"model":"m","input":["a",1]})",
         "400 input[1] invalid_type: Invalid type for 'input[1]': expected string, but got number instead."},
        {R"({"model":"m","input":[1,"a"]})",
         "400 input[0] invalid_type: Invalid type for 'input[0]': expected string, but got number instead."},
        {R"({"model":"m","input":[[1],["a"]]})",
         "400 input[1] invalid_type: Invalid 'input[1]': expected an array of token numbers."},
        {R"({"model":"m","input":[[1],[]]})",
         "400 input[1] invalid_type: Invalid 'input[1]': expected an array of token numbers."},
        {R"({"model":"m","input":"a","encoding_format":"hex"})",
         "400 encoding_format invalid_value: Invalid 'encoding_format': it is \"float\" or \"base64\"."},
        {R"({"model":"m","input":"a","dimensions":"1"})",
         "400 dimensions invalid_type: Invalid type for 'dimensions': expected number, but got string instead."},
        {R"({"model":"m m","input":"a"})",
         "400 model invalid_value: Invalid 'model': a model name is 1 to 256 printable ASCII characters without "
         "blanks."},
    };
    for (const Row& row : rows) {
        Embed r{std::string(row.body)};
        EXPECT_FALSE(r.good);
        EXPECT_EQ(told(r.error), row.error);
    }
    std::string many = R"({"model":"m","input":["a")";
    for (size_t i = 0; i < 2048; i++) many += R"(,"a")";
    Embed r(many + "]}");
    EXPECT_EQ(told(r.error),
              "400 input array_above_max_length: Invalid 'input': the array has 2049 elements, more than 2048.");
}

// More numbers than a document may have values.
TEST(Embeddings, LargeAnswers)
{
    Embed r(R"({"input":["a","b"],"model":"m","encoding_format":"base64"})");
    std::string vector = "[0.5";
    for (size_t i = 1; i < 600'000; i++) vector += ",0.5";
    vector += ']';
    std::string client = r.answer({R"({"data":[{"embedding":)" + vector + R"(},{"embedding":)" + vector + "}]}"});
    EXPECT_GT(client.size(), 2 * 600'000 * 4 * 4 / 3U);
}

TEST(Rerank, TheClientsOwnBytes)
{
    Order r(R"({"model":"x","query":"q","documents":["a",{"text":"b","id":7}],"top_n":2,"return_documents":true})");
    EXPECT_EQ(r.sent[0],
              R"({"model":"m","query":"q","documents":["a",{"text":"b","id":7}],"top_n":2,"return_documents":true})");
    std::string body = R"({"results":[{"index":1,"relevance_score":0.90}], "x":1})";
    EXPECT_EQ(r.answer({body}), body);
}

TEST(Rerank, Written)
{
    Order r(R"({"model":"x","query":"q","documents":["a",{"text":"b","id":7}],"return_documents":true})", row(),
            "asked");
    EXPECT_EQ(r.answer({R"([{"index":1,"score":0.90},{"index":0,"score":1e-3}])"}),
              R"({"id":"rerank-r1","model":"asked","results":[)"
              R"({"index":1,"relevance_score":0.90,"document":{"text":"b","id":7}},)"
              R"({"index":0,"relevance_score":1e-3,"document":{"text":"a"}}],)"
              R"("usage":{"prompt_tokens":0,"total_tokens":0}})");
}

TEST(Rerank, WhatIsNone)
{
    struct Row {
        std::string_view body, error;
    };
    const Row requests[] = {
        {R"({"model":"m","query":"q"})",
         "400 documents missing_required_parameter: Missing required parameter: "
         "'documents'."},
        {R"({"model":"m","documents":["a"]})",
         "400 query missing_required_parameter: Missing required parameter: 'query'."},
        {R"({"model":"m","query":"q","documents":[1]})",
         "400 documents[0] invalid_type: Invalid type for 'documents[0]': expected string or object, but got number "
         "instead."},
        {R"({"model":"m","query":"q","documents":[{}]})",
         "400 documents[0].text missing_required_parameter: Missing required parameter: 'documents[0].text'."},
        {R"({"model":"m","query":"q","documents":["a"],"top_n":0})",
         "400 top_n invalid_value: Invalid 'top_n': expected a positive integer."},
        {R"({"model":"m","query":"q","documents":[]})",
         "400 documents empty_array: Invalid 'documents': the array is empty."},
    };
    for (const Row& row : requests) {
        Order r{std::string(row.body)};
        EXPECT_EQ(told(r.error), row.error);
    }
    const Row answers[] = {
        {"{}", "answer without results."},
        {R"({"results":[{"index":1}]})", "result without a score."},
        {R"({"results":[{"index":1,"score":1}]})", "score of a document that was not sent."},
        {R"({"results":[{"index":0,"score":1},{"index":0,"score":1}]})", "more scores than documents."},
        {R"({"results":[{"index":0,"score":"1"}]})", "score that is no number."},
    };
    for (const Row& row : answers) {
        Order r(R"({"model":"m","query":"q","documents":["a"]})");
        EXPECT_EQ(r.answer({std::string(row.body)}),
                  "502  upstream_error: The upstream's answer cannot be used: " + std::string(row.error));
    }
}

}  // namespace

}  // namespace llm::test
