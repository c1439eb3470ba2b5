// What a provider calls the answer and its model is repeated in every chunk.
#include <gtest/gtest.h>

#include "client/completions/response.hpp"
#include "client/completions/stream.hpp"
#include "json/document.hpp"

namespace llm::test {

namespace {

using chat::Delta;
using chat::DeltaKind;

struct Names {
    std::string id, model;
};

Names names_of(std::string_view text)
{
    json::Document doc;
    EXPECT_TRUE(doc.parse(text, json::Mode::strict).ok()) << text;
    return {doc.root().find("id")->text(), doc.root().find("model")->text()};
}

// The names in a stream's chunk and in a whole answer; they must be the same.
Names written(const chat::Text& id, const chat::Text& model, std::string ours)
{
    client::AnswerOptions options{.id = "chatcmpl-own", .model = std::move(ours)};
    Delta start{.kind = DeltaKind::start, .id = id, .model = model};
    Rope chunks, whole;
    completions::StreamWriter stream(options);
    stream.put(start, chunks);
    stream.put({.kind = DeltaKind::finish}, chunks);
    std::string text = chunks.str();
    Names streamed = names_of(std::string_view(text).substr(6, text.find("\n\n") - 6));

    completions::AnswerWriter answer(options);
    EXPECT_TRUE(answer.put(start).ok());
    answer.write(whole);
    Names told = names_of(whole.str());
    EXPECT_EQ(told.id, streamed.id);
    EXPECT_EQ(told.model, streamed.model);
    return told;
}

TEST(AnswerWriter, LongNames)
{
    std::string fits(256, 'n'), big(1 << 20, 'n');
    EXPECT_EQ(written({fits}, {fits}, "").id, fits);
    EXPECT_EQ(written({fits}, {fits}, "").model, fits);
    EXPECT_EQ(written({fits + "n"}, {fits}, "").id, "chatcmpl-own");
    EXPECT_EQ(written({big}, {big}, "").id, "chatcmpl-own");
    EXPECT_EQ(written({big}, {big}, "").model, fits);
    EXPECT_EQ(written({big}, {big}, "mine").model, "mine");
    EXPECT_EQ(written({}, {}, "").id, "chatcmpl-own");
    EXPECT_EQ(written({}, {}, "").model, "");
    // Not in an escape, nor in a character.
    EXPECT_EQ(written({}, {std::string(251, 'n') + "\\u00e9" + big}, "").model, std::string(251, 'n'));
    EXPECT_EQ(written({}, {std::string(250, 'n') + "\\u00e9" + big}, "").model, std::string(250, 'n') + "\xc3\xa9");
    EXPECT_EQ(written({}, {std::string(255, 'n') + "\xc3\xa9" + big}, "").model, std::string(255, 'n'));
}

}  // namespace

}  // namespace llm::test
