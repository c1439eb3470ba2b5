// The account of a request's attempts.
#include "relay/trace.hpp"

#include <gtest/gtest.h>

namespace llm::test {

TEST(Trace, HeaderAndJson)
{
    relay::Trace trace;
    EXPECT_EQ(trace.header(), "");
    EXPECT_EQ(trace.json(), "[]");
    trace.add({"a/m", 503, 12, "overloaded"});
    trace.add({"b/m", 0, -1, "breaker open"});
    trace.add({"c/\"x\"", 0, 7, "no connection"});
    trace.add({"d/m", 200, 0, "served"});
    EXPECT_EQ(trace.header(),
              "a/m 503 12ms overloaded, b/m - - breaker open, c/\"x\" - 7ms no connection, d/m 200 0ms served");
    EXPECT_EQ(trace.json(), R"([{"target":"a/m","status":503,"ms":12,"reason":"overloaded"},)"
                            R"({"target":"b/m","status":null,"ms":null,"reason":"breaker open"},)"
                            R"({"target":"c/\"x\"","status":null,"ms":7,"reason":"no connection"},)"
                            R"({"target":"d/m","status":200,"ms":0,"reason":"served"}])");
}

// Names of fields are the client's.
TEST(Trace, HeaderHasNoLineEnds)
{
    relay::Trace trace;
    trace.add({"a/m", 0, -1, "cannot carry x\r\ny: \xc3\xa4"});
    EXPECT_EQ(trace.header(), "a/m - - cannot carry x??y: ??");
}

}  // namespace llm::test
