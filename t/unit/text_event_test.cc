// Events that differ from the one before in a piece of text: what the client
// gets is what it would get if the decoder had seen each of them.
#include <gtest/gtest.h>

#include "exchange.hpp"
#include "providers/provider.hpp"
#include "relay/text_event.hpp"

namespace llm::test {

namespace {

using chat::Delta;
using chat::DeltaKind;

std::string chunk(std::string delta, std::string more = "", std::string id = "c")
{
    return R"({"id":")" + id + R"(","model":"m","choices":[{"index":0,"delta":{)" + delta +
           R"(},"finish_reason":null}])" + more + "}";
}

std::string block(std::string type, std::string member, std::string text, std::string more = "")
{
    return R"({"type":"content_block_delta","index":0,"delta":{"type":")" + type + R"(",")" + member + R"(":")" + text +
           R"("})" + more + "}";
}

std::string openai(std::initializer_list<std::string> events)
{
    std::string all;
    for (const std::string& e : events) all += "data: " + e + "\n\n";
    return all + "data: " + R"({"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})" +
           "\n\ndata: [DONE]\n\n";
}

std::string anthropic(std::initializer_list<std::string> events)
{
    std::string all =
        "event: message_start\ndata: "
        R"({"type":"message_start","message":{"id":"msg","model":"m","usage":{"input_tokens":3}}})"
        "\n\n";
    for (const std::string& e : events) all += "event: content_block_delta\ndata: " + e + "\n\n";
    return all + R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}})" +
           "\n\n" + R"(data: {"type":"message_stop"})" + "\n\n";
}

struct Row {
    const char* name;
    const char* provider;
    std::string stream;
};

const Row kRows[] = {
    {"tokens", "openai",
     openai({chunk(R"("content":"a")"), chunk(R"("content":"b")"), chunk(R"("content":"")"), chunk(R"("content":"c")"),
             chunk(R"("content":"\u00e9\n")")})},
    {"with padding", "openai",
     openai({chunk(R"("content":"a")", R"(,"obfuscation":"xyz")"), chunk(R"("content":"b")", R"(,"obfuscation":"")"),
             chunk(R"("content":"c")", R"(,"obfuscation":"q\"r")"), chunk(R"("content":"d")"),
             chunk(R"("content":"e")", R"(,"obfuscation":"s","usage":{"prompt_tokens":4,"completion_tokens":2})")})},
    {"padding in the text", "openai",
     openai({chunk(R"("content":"say \"obfuscation\":\"x\" twice")"), chunk(R"("content":"b")")})},
    {"the role in each", "openai",
     openai({chunk(R"("role":"assistant","content":"a")"), chunk(R"("role":"assistant","content":"b")"),
             chunk(R"("content":"c")")})},
    {"text and thoughts", "openai",
     openai({chunk(R"("reasoning_content":"a")"), chunk(R"("reasoning_content":"b")"), chunk(R"("content":"c")"),
             chunk(R"("content":"d","reasoning_content":"e")"), chunk(R"("content":"f","reasoning_content":"g")")})},
    {"text twice", "openai",
     openai({chunk(R"("content":"a","content":"b")"), chunk(R"("content":"a","content":"c")"),
             chunk(R"("content":"x","content":"c")")})},
    {"more than text behind it", "openai",
     openai({chunk(R"("content":"a")"), chunk(R"("content":"b","refusal":"no")"), chunk(R"("content":"c")"),
             chunk(R"("content":"d")", R"(,"usage":{"prompt_tokens":1,"completion_tokens":2})")})},
    {"an error in the middle", "openai",
     openai({chunk(R"("content":"a")"), chunk(R"("content":"b")", R"(,"error":{"message":"gone"})")})},
    {"broken behind the text", "openai", openai({chunk(R"("content":"a")"), chunk(R"("content":"b")") + "}"})},
    {"broken in the text", "openai", openai({chunk(R"("content":"a")"), chunk("\"content\":\"b\x01\"")})},
    {"bad UTF-8", "openai",
     openai({chunk(R"("content":"a")"), chunk("\"content\":\"b\xff\""), chunk(R"("content":"c")"),
             chunk("\"content\":\"\xe2\x82\"")})},
    {"half a surrogate pair", "openai",
     openai({chunk(R"("content":"a")"), chunk(R"("content":"\ud83d")"), chunk(R"("content":"\ude00")")})},
    {"another id", "openai",
     openai({chunk(R"("content":"a")", "", "one"), chunk(R"("content":"b")", "", "two"),
             chunk(R"("content":"c")", "", "two")})},
    {"long ones", "openai",
     openai({chunk(R"("content":")" + std::string(5000, 'l') + '"'),
             chunk(R"("content":")" + std::string(5000, 'm') + '"'), chunk(R"("content":"a")"),
             chunk(R"("content":")" + std::string(5000, 'n') + '"')})},
    {"pieces of arguments", "openai",
     openai({chunk(R"("tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":""}}])"),
             chunk(R"("tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}])"),
             chunk(R"("tool_calls":[{"index":0,"function":{"arguments":"1}"}}])")})},
    {"blocks of text", "anthropic",
     anthropic({block("text_delta", "text", "a"), block("text_delta", "text", "b"), block("text_delta", "text", ""),
                block("text_delta", "text", "\\\"c\\\""), block("text_delta", "text", "d", R"(,"more":1)")})},
    {"a block that begins twice", "anthropic",
     anthropic({R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"Hm"}})",
                R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"Hm"}})",
                block("thinking_delta", "thinking", "a"), block("thinking_delta", "thinking", "b"),
                R"({"type":"content_block_start","index":1,"content_block":{"type":"text","text":"c"}})",
                R"({"type":"content_block_start","index":2,"content_block":{"type":"text","text":"d"}})"})},
    {"blocks of thoughts", "anthropic",
     anthropic({block("thinking_delta", "thinking", "a"), block("thinking_delta", "thinking", "b"),
                block("signature_delta", "signature", "s"), block("thinking_delta", "thinking", "c")})},
};

TEST(TextEvent, TellsWhatTheDecoderWouldTell)
{
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.name);
        for (bool renamed : {false, true}) {
            relay::Options options;
            options.dialect = providers::find(row.provider)->chat.dialect;
            options.answer.id = "chatcmpl-test";
            options.answer.include_usage = true;
            if (renamed) options.answer.model = "asked";
            dialects::Dialect every = EveryEvent::of(*options.dialect);
            relay::Options patient = options;
            patient.dialect = &every;

            relay::Seen expected, seen;
            std::string told = stream_in_pieces(patient, row.stream, 0, expected);
            EXPECT_EQ(stream_in_pieces(options, row.stream, 0, seen), told);
            EXPECT_EQ(stream_in_pieces(options, row.stream, 7, seen), told);
            EXPECT_EQ(seen.content, expected.content);
            EXPECT_EQ(seen.complete, expected.complete);
            EXPECT_EQ(seen.usage.completion, expected.usage.completion);
            EXPECT_EQ(seen.error.message, expected.error.message);
        }
    }
}

// The point of it: which events are known by their bytes.
TEST(TextEvent, KnowsItsLike)
{
    std::string first = chunk(R"("content":"a")", R"(,"obfuscation":"xyz")");
    size_t at = first.find("\"a\"") + 1;
    relay::TextEvent pattern;
    Delta delta;
    auto event = [](const std::string& data) { return wire::WireEvent{"", data, false}; };
    EXPECT_FALSE(pattern.fits(event(first), delta));
    pattern.learn(event(first),
                  {.kind = DeltaKind::text, .choice = 2, .text = {std::string_view(first).substr(at, 1)}});

    std::string like = chunk(R"("content":"bcd\n")", R"(,"obfuscation":"12")");
    ASSERT_TRUE(pattern.fits(event(like), delta));
    EXPECT_EQ(delta.kind, DeltaKind::text);
    EXPECT_EQ(delta.choice, 2U);
    EXPECT_EQ(delta.text.bytes, "bcd\\n");
    EXPECT_FALSE(pattern.fits({"ping", like, false}, delta));
    EXPECT_FALSE(pattern.fits(event(chunk(R"("content":"")", R"(,"obfuscation":"12")")), delta));
    EXPECT_FALSE(pattern.fits(event(chunk(R"("content":"b")")), delta));
    EXPECT_FALSE(pattern.fits(event(chunk(R"("content":"b")", R"(,"obfuscation":"12","x":1)")), delta));

    // A text that is no view into the event tells nothing of the next.
    std::string elsewhere = "a";
    pattern.learn(event(first), {.kind = DeltaKind::text, .text = {elsewhere}});
    EXPECT_FALSE(pattern.fits(event(first), delta));
}

}  // namespace

}  // namespace llm::test
