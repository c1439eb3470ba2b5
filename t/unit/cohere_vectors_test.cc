// Embeddings and reranking at Cohere, from the client's body to its answer.
#include <gtest/gtest.h>

#include "json/document.hpp"
#include "providers/provider.hpp"
#include "relay/vectors_task.hpp"

namespace llm::test {

namespace {

struct Sent {
    std::vector<std::string> bodies;
    std::string dropped, error;
};

template <class TaskType>
struct Round {
    TaskType task;
    std::string body;
    std::unique_ptr<relay::Call> call;
    Sent sent;

    explicit Round(std::string text) : body(std::move(text))
    {
        chat::ApiError error;
        EXPECT_TRUE(task.read(body, {}, error)) << error.message;
        relay::Settings settings;
        settings.id = "r1";
        call = task.call(*providers::find("cohere"), "m", settings);
        for (size_t i = 0; i < call->parts(); i++) {
            dialects::EncodeOptions options;
            options.model = "m";
            dialects::EncodedRequest out;
            if (!call->encode(i, options, out, error)) sent.error = error.param + ": " + error.message;
            sent.bodies.push_back(out.body.str());
            sent.dropped = out.dropped.names();
        }
    }

    std::string answer(const std::vector<std::string>& bodies)
    {
        Rope out;
        relay::Seen seen;
        for (size_t i = 0; i < bodies.size(); i++) {
            if (!call->take(i, bodies[i], out, seen)) return "error: " + seen.error.message;
        }
        return out.str();
    }
};

using Embeddings = Round<relay::EmbeddingsTask>;
using Rerank = Round<relay::RerankTask>;

TEST(CohereVectors, Embeddings)
{
    Embeddings r(R"({"model":"asked","input":["caf\u00e9","b"],"dimensions":256,"user":"u","truncate":"END"})");
    EXPECT_EQ(r.call->path(), "/embed");
    EXPECT_EQ(r.sent.bodies[0],
              R"({"model":"m","input_type":"search_document","embedding_types":["float"],"output_dimension":256,)"
              R"("truncate":"END","texts":["caf\u00e9","b"]})");
    EXPECT_EQ(r.sent.dropped, "user");
    EXPECT_EQ(r.answer({R"({"id":"x","embeddings":{"float":[[0.5, -1],[2,3e-5]]},)"
                        R"("meta":{"billed_units":{"input_tokens":4}}})"}),
              R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5, -1]},)"
              R"({"object":"embedding","index":1,"embedding":[2,3e-5]}],"model":"asked",)"
              R"("usage":{"prompt_tokens":4,"total_tokens":4}})");
}

TEST(CohereVectors, EmbeddingsInBase64AreMadeHere)
{
    Embeddings r(R"({"model":"a","input":"x","encoding_format":"base64","input_type":"search_query"})");
    EXPECT_EQ(r.sent.bodies[0],
              R"({"model":"m","input_type":"search_query","embedding_types":["float"],"texts":["x"]})");
    std::string client = r.answer({R"({"embeddings":[[1]]})"});  // an older answer
    EXPECT_NE(client.find(R"("embedding":"AACAPw==")"), client.npos) << client;
}

TEST(CohereVectors, ManyTextsGoInParts)
{
    std::string inputs, first = "{\"embeddings\":{\"float\":[", second = first;
    for (int i = 0; i < 100; i++) {
        inputs += (i ? ",\"t" : "\"t") + std::to_string(i) + '"';
        std::string& to = i < 96 ? first : second;
        to += (i % 96 ? ",[" : "[") + std::to_string(i) + ']';
    }
    constexpr std::string_view kEnd = R"(]},"meta":{"billed_units":{"input_tokens":50}}})";
    Embeddings r(R"({"model":"a","input":[)" + inputs + "]}");
    ASSERT_EQ(r.sent.bodies.size(), 2U);
    EXPECT_TRUE(r.sent.bodies[1].ends_with(R"("texts":["t96","t97","t98","t99"]})")) << r.sent.bodies[1];
    std::string client = r.answer({first.append(kEnd), second.append(kEnd)});
    EXPECT_NE(client.find(R"("index":99,"embedding":[99])"), client.npos) << client;
    EXPECT_NE(client.find(R"("prompt_tokens":100)"), client.npos) << client;
}

TEST(CohereVectors, WhatItDoesNotTake)
{
    Embeddings r(R"({"model":"a","input":[[1,2,3]]})");
    EXPECT_TRUE(r.sent.error.starts_with("input: ")) << r.sent.error;
    for (std::string body : {"{}", R"({"embeddings":{"int8":[[1]]}})", R"({"embeddings":{"float":[["a"]]}})", "[",
                             R"({"message":"invalid api token"})"}) {
        Embeddings other(R"({"model":"a","input":"x"})");
        EXPECT_TRUE(other.answer({body}).starts_with("error: ")) << body;
    }
}

TEST(CohereVectors, Rerank)
{
    Rerank r(R"({"model":"asked","query":"q","documents":["a",{"text":"b","id":7}],"top_n":1,)"
             R"("return_documents":true,"max_tokens_per_doc":9})");
    EXPECT_EQ(r.call->path(), "/rerank");
    EXPECT_EQ(r.sent.bodies[0], R"({"model":"m","query":"q","top_n":1,"max_tokens_per_doc":9,"documents":["a","b"]})");
    std::string client = r.answer({R"({"id":"x","results":[{"index":1,"relevance_score":0.98}],"meta":{}})"});
    json::Document doc;
    ASSERT_TRUE(doc.parse(client, json::Mode::strict).ok()) << client;
    const json::Value& result = *doc.root().find("results")->begin();
    EXPECT_EQ(result.find("index")->raw(), "1");
    EXPECT_EQ(result.find("relevance_score")->raw(), "0.98");
    EXPECT_NE(result.find("document"), nullptr) << client;
    for (std::string body :
         {"{}", R"({"results":[{"index":9,"relevance_score":1}]})", R"({"results":[{"index":0}]})"}) {
        Rerank other(R"({"model":"a","query":"q","documents":["a"]})");
        EXPECT_TRUE(other.answer({body}).starts_with("error: ")) << body;
    }
}

}  // namespace

}  // namespace llm::test
