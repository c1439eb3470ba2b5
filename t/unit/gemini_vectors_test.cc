// Embeddings of the Gemini API and of Vertex AI, through the core.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "json/document.hpp"
#include "recordings.hpp"
#include "relay/vectors_task.hpp"

namespace llm::test {

namespace {

struct Round {
    Round(std::string_view type, std::string_view model, std::string text) : body(std::move(text))
    {
        EXPECT_TRUE(task.read(body, {}, error)) << error.message;
        call = task.call(*providers::find(type), model, {});
        for (size_t i = 0; i < call->parts(); i++) {
            dialects::EncodedRequest out;
            dialects::EncodeOptions options;
            options.model = model;
            options.reject_unsupported = reject;
            if (!call->encode(i, options, out, error)) return;
            sent.push_back(out.body.str());
            paths.emplace_back(out.path);
            dropped = out.dropped.names();
        }
    }

    std::string answer(std::vector<std::string> bodies)
    {
        Rope out;
        relay::Seen seen;
        answers = std::move(bodies);
        for (size_t i = 0; i < answers.size(); i++) {
            if (!call->take(i, answers[i], out, seen)) return seen.error.message;
        }
        usage = seen.usage;
        return out.str();
    }

    bool reject = false;
    std::string body;
    relay::EmbeddingsTask task;
    chat::ApiError error;
    std::unique_ptr<relay::Call> call;
    std::vector<std::string> sent, paths, answers;
    std::string dropped;
    chat::Usage usage;
};

constexpr std::string_view kModel = "gemini-embedding-001";

TEST(GeminiVectors, OneText)
{
    Round r("gemini", kModel, R"({"model":"m","input":"caf\u00e9","dimensions":3,"input_type":"search_query"})");
    ASSERT_EQ(r.sent.size(), 1U);
    EXPECT_EQ(r.sent[0],
              R"({"content":{"parts":[{"text":"caf\u00e9"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":3})");
    EXPECT_EQ(r.paths[0], "/models/{model}:embedContent");
    EXPECT_EQ(r.answer({R"({"embedding":{"values":[0.10,2,-3e-5]}})"}),
              R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10,2,-3e-5]}],)"
              R"("model":"m","usage":{"prompt_tokens":0,"total_tokens":0}})");
}

TEST(GeminiVectors, ABatch)
{
    Round r("gemini", kModel,
            R"({"model":"m","input":["a","b"],"input_type":"CODE_RETRIEVAL_QUERY","user":"u","x":1})");
    ASSERT_EQ(r.sent.size(), 1U);
    EXPECT_EQ(r.sent[0], R"({"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},)"
                         R"("taskType":"CODE_RETRIEVAL_QUERY"},{"model":"models/gemini-embedding-001",)"
                         R"("content":{"parts":[{"text":"b"}]},"taskType":"CODE_RETRIEVAL_QUERY"}]})");
    EXPECT_EQ(r.paths[0], "");
    EXPECT_EQ(r.dropped, "user,x");
    EXPECT_EQ(r.answer({R"({"embeddings":[{"values":[1]},{"values":[2]}]})"}),
              R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]},)"
              R"({"object":"embedding","index":1,"embedding":[2]}],"model":"m",)"
              R"("usage":{"prompt_tokens":0,"total_tokens":0}})");
}

TEST(GeminiVectors, BatchesOfAHundred)
{
    std::string input;
    for (int i = 0; i < 201; i++) input += (i ? ",\"" : "\"") + std::to_string(i) + '"';
    Round r("gemini", kModel, R"({"model":"m","input":[)" + input + "]}");
    ASSERT_EQ(r.sent.size(), 3U);
    EXPECT_EQ(r.paths, (std::vector<std::string>{"", "", "/models/{model}:embedContent"}));
    EXPECT_NE(r.sent[1].find(R"("text":"100")"), std::string::npos);
}

TEST(GeminiVectors, Base64IsMade)
{
    Round r("gemini", kModel, R"({"model":"m","input":"a","encoding_format":"base64"})");
    EXPECT_NE(r.answer({R"({"embedding":{"values":[1,-2.5,0.1]}})"}).find(R"("AACAPwAAIMDNzMw9")"), std::string::npos);
}

TEST(GeminiVectors, TokensAreRefused)
{
    Round r("gemini", kModel, R"({"model":"m","input":[1,2,3]})");
    EXPECT_TRUE(r.sent.empty());
    EXPECT_EQ(r.error.param, "input");
    EXPECT_EQ(r.error.status(), 400);
}

TEST(GeminiVectors, AnswersThatAreNone)
{
    for (const char* body : {"{}", "[]", R"({"embeddings":{}})", R"({"embedding":{}})", R"({"embeddings":[{}]})",
                             R"({"embedding":{"values":"x"}})", R"({"embeddings":[]})", "<html>"}) {
        Round r("gemini", kModel, R"({"model":"m","input":"a"})");
        EXPECT_NE(r.answer({body}).find("cannot be used"), std::string::npos) << body;
    }
    Round r("gemini", kModel, R"({"model":"m","input":"a"})");
    EXPECT_EQ(r.answer({R"({"error":{"code":503,"message":"Down.","status":"UNAVAILABLE"}})"}), "Down.");
}

TEST(VertexVectors, Instances)
{
    Round r("vertex", "text-embedding-005",
            R"({"model":"m","input":["a","b"],"dimensions":3,"input_type":"document"})");
    ASSERT_EQ(r.sent.size(), 1U);
    EXPECT_EQ(r.sent[0],
              R"({"instances":[{"content":"a","task_type":"RETRIEVAL_DOCUMENT"},)"
              R"({"content":"b","task_type":"RETRIEVAL_DOCUMENT"}],"parameters":{"outputDimensionality":3}})");
    EXPECT_EQ(r.answer({R"({"predictions":[{"embeddings":{"values":[1],"statistics":{"token_count":5}}},)"
                        R"({"embeddings":{"values":[2],"statistics":{"token_count":6}}}]})"}),
              R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]},)"
              R"({"object":"embedding","index":1,"embedding":[2]}],"model":"m",)"
              R"("usage":{"prompt_tokens":11,"total_tokens":11}})");
}

TEST(VertexVectors, GeminisTakeOneText)
{
    Round r("vertex", kModel, R"({"model":"m","input":["a","b"]})");
    EXPECT_EQ(r.sent,
              (std::vector<std::string>{R"({"instances":[{"content":"a"}]})", R"({"instances":[{"content":"b"}]})"}));
}

TEST(VertexVectors, AsRecorded)
{
    fs::path path = recordings_root() / "gemini/google-vertex-embedding.json";
    if (!fs::exists(path)) GTEST_SKIP() << "no recordings in " << recordings_root();
    Round r("vertex", "text-embedding-005", R"({"model":"m","input":["a","b"]})");
    std::string answer = r.answer({read_file(path)});
    json::Document doc;
    ASSERT_TRUE(doc.parse(answer, json::Mode::strict).ok()) << answer;
    EXPECT_EQ(doc.root().find("data")->size(), 2U);
    EXPECT_EQ(doc.root().find("data")->begin()->find("embedding")->size(), 5U);
    EXPECT_EQ(r.usage.prompt, 11);
}

}  // namespace

}  // namespace llm::test
