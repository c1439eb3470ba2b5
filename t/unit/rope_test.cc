#include "base/rope.hpp"

#include <gtest/gtest.h>

namespace llm::test {

namespace {

// A source of which every byte tells its place.
std::string pattern(size_t size)
{
    std::string out;
    for (size_t i = 0; i < size; i++) out += static_cast<char>('a' + (i * 7 + i / 251) % 26);
    return out;
}

bool points_into(std::string_view piece, const std::string& source)
{
    return piece.data() >= source.data() && piece.data() + piece.size() <= source.data() + source.size();
}

TEST(Rope, SmallPiecesGrowIntoOne)
{
    Rope rope;
    EXPECT_TRUE(rope.empty());
    rope.append("ab");
    rope.append('c');
    rope.append("");
    rope.ref("def");
    EXPECT_EQ(rope.str(), "abcdef");
    EXPECT_EQ(rope.size(), 6U);
    EXPECT_EQ(rope.pieces().size(), 1U);
}

TEST(Rope, OnlyLongSlicesAreKeptByReference)
{
    struct Row {
        size_t size;
        bool kept;
    };
    for (const Row& row : {Row{Rope::kMinRef - 1, false}, Row{Rope::kMinRef, true}, Row{100000, true}}) {
        std::string source = pattern(row.size);
        Rope rope;
        rope.ref(source);
        EXPECT_EQ(points_into(rope.pieces()[0], source), row.kept) << row.size;
        EXPECT_EQ(rope.str(), source);
    }
}

TEST(Rope, ACopyingRopeOutlivesItsSources)
{
    std::string expected = pattern(3 * Rope::kMinRef);
    Rope rope = Rope::copying();
    {
        std::string source = expected;
        rope.ref(source);
        EXPECT_FALSE(points_into(rope.pieces()[0], source));
        source.assign(source.size(), '!');
    }
    EXPECT_EQ(rope.str(), expected);
}

TEST(Rope, TextAfterAReferenceStartsANewPiece)
{
    std::string source = pattern(600);
    Rope rope;
    rope.append("<");
    rope.ref(source);
    rope.append(">");
    rope.append("!");
    EXPECT_EQ(rope.str(), "<" + source + ">!");
    EXPECT_EQ(rope.pieces().size(), 3U);
}

TEST(Rope, BlocksFillUpWithoutALossAndPiecesStayWhereTheyAre)
{
    // One and the same text in appends of every size around the block's.
    for (size_t step : {1U, 7U, 511U, 4095U, 4096U, 4097U, 9000U}) {
        std::string source = pattern(30000);
        Rope rope;
        std::string_view rest = source;
        rope.append(rest.substr(0, 1));
        const char* first = rope.pieces()[0].data();
        rest.remove_prefix(1);
        while (!rest.empty()) {
            rope.append(rest.substr(0, step));
            rest.remove_prefix(std::min(step, rest.size()));
        }
        EXPECT_EQ(rope.str(), source) << step;
        EXPECT_EQ(rope.size(), source.size()) << step;
        EXPECT_EQ(rope.pieces()[0].data(), first) << step;
        EXPECT_LE(rope.pieces().size(), 12U) << step;
    }
}

TEST(Rope, AppendsAnotherRopeByCopy)
{
    std::string source = pattern(1000);
    Rope inner;
    inner.ref(source);
    inner.append("tail");
    Rope outer;
    outer.append("head");
    outer.append(inner);
    inner.clear();
    std::string expected = "head" + source + "tail";
    source.assign(source.size(), '!');
    EXPECT_EQ(outer.str(), expected);
}

TEST(Rope, ClearKeepsOneBlockForReuse)
{
    Rope rope;
    rope.append("first");
    const char* block = rope.pieces()[0].data();
    rope.append(pattern(20000));
    rope.clear();
    EXPECT_TRUE(rope.empty());
    EXPECT_EQ(rope.str(), "");
    EXPECT_TRUE(rope.pieces().empty());
    rope.append("second");
    EXPECT_EQ(rope.str(), "second");
    EXPECT_EQ(rope.pieces()[0].data(), block);
}

TEST(Rope, MovesWithItsBytes)
{
    Rope from;
    from.append("bytes");
    Rope to = std::move(from);
    EXPECT_EQ(to.str(), "bytes");
    to.append(" and more");
    EXPECT_EQ(to.str(), "bytes and more");
}

TEST(Rope, WhatFollowsACutStandsWhereItWasCut)
{
    for (bool copies : {false, true}) {
        for (size_t size : {0U, 1U, 5U, 6U, 700U, 5000U}) {
            Rope rope;
            if (copies) rope = Rope::copying();
            std::string text = "begin" + std::string(8000, 'x');
            rope.append("begin");
            rope.append(text.substr(5));
            rope.cut(size);
            rope.append("more");
            rope.append("and more");
            EXPECT_EQ(rope.str(), text.substr(0, size) + "moreand more") << size;
        }
    }
}

TEST(Rope, CutTakesAwayTheEndOnly)
{
    const std::string source = pattern(12000);
    for (size_t size : {size_t{0}, size_t{1}, size_t{599}, size_t{600}, size_t{5000}, size_t{11999}, size_t{12000}}) {
        Rope rope;
        rope.append(std::string_view(source).substr(0, 600));
        rope.ref(std::string_view(source).substr(600, 5000));
        rope.append(std::string_view(source).substr(5600));
        rope.cut(size);
        EXPECT_EQ(rope.size(), size);
        EXPECT_EQ(rope.str(), source.substr(0, size));
        rope.append("more");
        rope.cut(20000);
        EXPECT_EQ(rope.str(), source.substr(0, size) + "more");
    }
}

// With room left in the block that was cut.
TEST(Rope, GoesOnBehindACut)
{
    for (size_t size = 0; size <= 3; size++) {
        Rope rope;
        rope.append("abc");
        rope.cut(size);
        rope.append('x');
        rope.append("yz");
        EXPECT_EQ(rope.str(), std::string("abc").substr(0, size) + "xyz");
    }
}

}  // namespace

}  // namespace llm::test
