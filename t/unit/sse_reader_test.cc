// Server-sent events (WHATWG HTML, 9.2.6), each stream whole and in pieces of
// 1..31 bytes.
#include "wire/sse_reader.hpp"

#include <gtest/gtest.h>

#include <span>

#include "guard.hpp"

namespace llm::test {

namespace {

using namespace std::string_literals;

constexpr size_t kMaxPiece = 31;
constexpr size_t kRoomy = 1U << 16;

// `type|data` or `ping` for each event, one a line; a line end in data as `\n`.
// A bad status is told at the end, and whether finish() gave the last event.
class Listing {
public:
    explicit Listing(size_t max) : reader_(max) {}

    void push(std::string_view bytes)
    {
        Guarded piece(bytes);
        reader_.push(piece.view());
        wire::WireEvent event;
        while (reader_.next(event)) list(event);
    }

    std::string finish()
    {
        wire::WireEvent event;
        if (reader_.finish(event)) {
            out_ += "finish ";
            list(event);
        }
        EXPECT_FALSE(reader_.finish(event));
        if (!reader_.status().ok()) {
            EXPECT_EQ(reader_.status().code, Errc::too_large);
            out_ += "too large\n";
        }
        return out_;
    }

private:
    void list(const wire::WireEvent& event)
    {
        if (event.ping) {
            out_ += "ping\n";
            return;
        }
        out_.append(event.type).append("|");
        for (char c : event.data) out_ += c == '\n' ? "\\n" : std::string(1, c);
        out_ += '\n';
    }

    wire::SseReader reader_;
    std::string out_;
};

std::string list(std::string_view stream, size_t size, size_t max = kRoomy)
{
    Listing listing(max);
    if (size == 0) size = stream.size();
    for (size_t at = 0; at < stream.size(); at += size) listing.push(stream.substr(at, size));
    return listing.finish();
}

struct Row {
    std::string name;
    std::string stream;
    std::string events;
    size_t max = kRoomy;
};

void expect_rows(std::span<const Row> rows)
{
    for (const Row& row : rows) {
        for (size_t size = 0; size <= kMaxPiece; size++) {
            EXPECT_EQ(list(row.stream, size, row.max), row.events) << row.name << " in pieces of " << size;
        }
    }
}

const Row kLineEnds[] = {
    {"lf", "data: a\n\ndata: b\n\n", "|a\n|b\n"},
    {"cr", "data: a\r\rdata: b\r\r", "|a\n|b\n"},
    {"crlf", "data: a\r\n\r\ndata: b\r\n\r\n", "|a\n|b\n"},
    {"cr, then crlf", "data: a\r\r\ndata: b\n\n", "|a\n|b\n"},
    {"lf, then cr", "data: a\n\rdata: b\r\n\n", "|a\n|b\n"},
    {"crlf is one end, not two", "data: a\r\ndata: b\r\n\r\n", "|a\\nb\n"},
    {"lf cr is two ends", "data: a\n\rdata: b\n\r", "|a\n|b\n"},
    {"crcr is two ends", "data: a\r\rdata: b\r\r", "|a\n|b\n"},
    {"blank lines in front", "\n\r\n\rdata: a\n\n", "|a\n"},
    {"blank lines between", "data: a\n\n\n\r\n\ndata: b\n\n", "|a\n|b\n"},
    {"other ends are none",
     "data: a\vb\fc\xe2\x80\xa8"
     "d\xc2\x85"
     "e\n\n",
     "|a\vb\fc\xe2\x80\xa8"
     "d\xc2\x85"
     "e\n"},
    {"nul is a byte like others", "data: a\0b\n\n"s, "|a\0b\n"s},
};

TEST(SseReader, LineEnds)
{
    expect_rows(kLineEnds);
}

const Row kFields[] = {
    {"no blank after the colon", "data:a\n\n", "|a\n"},
    {"one blank is not data", "data: a\n\n", "|a\n"},
    {"the second one is", "data:  a\n\n", "| a\n"},
    {"a tab is", "data:\ta\n\n", "|\ta\n"},
    {"blanks at the end are", "data: a \n\n", "|a \n"},
    {"colons in the value", "data: a:b: c\n\n", "|a:b: c\n"},
    {"several data lines", "data: a\ndata: b\ndata: c\n\n", "|a\\nb\\nc\n"},
    {"empty data line between", "data: a\ndata:\ndata: b\n\n", "|a\\n\\nb\n"},
    {"empty data line at the end", "data: a\ndata\n\n", "|a\\n\n"},
    {"empty data line in front", "data\ndata: a\n\n", "|\\na\n"},
    {"empty data", "data:\n\n", "|\n"},
    {"data of a blank", "data: \n\n", "|\n"},
    {"data without colon", "data\n\n", "|\n"},
    {"two data without colon", "data\ndata\n\n", "|\\n\n"},
    {"event name", "event: ping\ndata: a\n\n", "ping|a\n"},
    {"event name without blank", "event:ping\ndata:a\n\n", "ping|a\n"},
    {"event name behind the data", "data: a\nevent: ping\n\n", "ping|a\n"},
    {"last event name counts", "event: a\nevent: b\ndata: x\n\n", "b|x\n"},
    {"empty event name", "event: a\nevent:\ndata: x\n\n", "|x\n"},
    {"event without colon", "event: a\nevent\ndata: x\n\n", "|x\n"},
    {"a name is for one event", "event: a\ndata: x\n\ndata: y\n\n", "a|x\n|y\n"},
    {"event without data is none", "event: a\n\ndata: x\n\n", "|x\n"},
    {"comment", ": keep-alive\n\ndata: a\n\n", "ping\n|a\n"},
    {"comment without text", ":\ndata: a\n:\n\n", "|a\n"},
    {"comment inside an event", "data: a\n: OPENROUTER PROCESSING\ndata: b\n\n", "|a\\nb\n"},
    {"nothing but comments", ":a\n\n:b\n\n", "ping\nping\n"},
    {"comments together", ":a\n:b\n\n", "ping\n"},
    {"a type without data", "event: x\n\n:a\n\n", "ping\n"},
    {"id and retry", "id: 7\nretry: 3000\ndata: a\n\n", "|a\n"},
    {"unknown field", "foo: bar\ndata: a\n\n", "|a\n"},
    {"unknown field without colon", "foo\ndata: a\n\n", "|a\n"},
    {"fields are case-sensitive", "Data: a\ndata: b\n\n", "|b\n"},
    {"a blank before the name", " data: a\ndata: b\n\n", "|b\n"},
    {"a longer name", "datax: a\ndata: b\n\n", "|b\n"},
    {"a shorter name", "dat: a\ndata: b\n\n", "|b\n"},
    {"a blank before the colon", "data : a\ndata: b\n\n", "|b\n"},
    {"line of one colon and value", ":data: a\ndata: b\n\n", "|b\n"},
    {"utf-8", "data: \xe2\x82\xac\xf0\x9f\x98\x80\n\n", "|\xe2\x82\xac\xf0\x9f\x98\x80\n"},
    {"json over two lines", "data: {\"a\":\ndata: 1}\n\n", "|{\"a\":\\n1}\n"},
    {"nothing", "", ""},
    {"blank lines only", "\n\n\r\n", ""},
    {"several events of all kinds",
     "event: message_start\ndata: {}\n\n: ping\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\ndata: [DONE]\n\n",
     "message_start|{}\nping\nping|{\"type\": \"ping\"}\n|[DONE]\n"},
};

TEST(SseReader, Fields)
{
    expect_rows(kFields);
}

const Row kBoms[] = {
    {"bom",
     "\xef\xbb\xbf"
     "data: a\n\n",
     "|a\n"},
    {"bom before a blank line", "\xef\xbb\xbf\ndata: a\n\n", "|a\n"},
    {"bom alone", "\xef\xbb\xbf", ""},
    {"second bom is part of a name",
     "\xef\xbb\xbf\xef\xbb\xbf"
     "data: a\ndata: b\n\n",
     "|b\n"},
    {"bom later is part of a name",
     "data: a\n\n\xef\xbb\xbf"
     "data: b\ndata: c\n\n",
     "|a\n|c\n"},
    {"bom in a value", "data: \xef\xbb\xbf\n\n", "|\xef\xbb\xbf\n"},
    {"one byte of a bom",
     "\xef"
     "data: a\ndata: b\n\n",
     "|b\n"},
    {"two bytes of a bom",
     "\xef\xbb"
     "data: a\ndata: b\n\n",
     "|b\n"},
    {"two bytes, then a line end", "\xef\xbb\ndata: b\n\n", "|b\n"},
    {"half a bom and no more", "\xef\xbb", ""},
    {"half a bom does not eat a colon", "\xef: a\ndata: b\n\n", "|b\n"},
};

TEST(SseReader, ByteOrderMark)
{
    expect_rows(kBoms);
}

// The HTML standard throws an unfinished event away; providers have been seen
// to forget the last blank line, so finish() gives it out.
const Row kTails[] = {
    {"blank line missing", "data: a\n\ndata: b\n", "|a\nfinish |b\n"},
    {"line end missing", "data: a\n\ndata: b", "|a\nfinish |b\n"},
    {"cr at the end", "data: a\r", "finish |a\n"},
    {"crlf at the end", "data: a\r\n", "finish |a\n"},
    {"name and data", "event: x\ndata: a", "finish x|a\n"},
    {"two data lines", "data: a\ndata: b", "finish |a\\nb\n"},
    {"data line cut in its name", "data: a\ndat", "finish |a\n"},
    {"data line cut behind its name", "data", "finish |\n"},
    {"name only", "event: x\n", ""},
    {"comment only", ": x", ""},
    {"nothing is left", "data: a\n\n", "|a\n"},
    {"nothing but a name is left", "data: a\n\nevent: x", "|a\n"},
};

TEST(SseReader, UnfinishedTail)
{
    expect_rows(kTails);
}

const Row kCaps[] = {
    // The cap counts the line with its field's name, and the data of an event.
    {"line just fits", "data: 0123456789\n\n", "|0123456789\n", 16},
    {"line is too long", "data: 0123456789x\n\n", "too large\n", 16},
    {"line too long without an end", "data: 0123456789xxxxxxxxxxx", "too large\n", 16},
    {"line just fits without an end", "data: 0123456789", "finish |0123456789\n", 16},
    {"comment is too long", ": 0123456789abcdef\n\ndata: a\n\n", "too large\n", 16},
    {"name is too long", "event: 0123456789\ndata: a\n\n", "too large\n", 16},
    {"data just fits", "data:01234567\ndata:0123456\n\n", "|01234567\\n0123456\n", 16},
    {"data is too long", "data:01234567\ndata:012345678\n\n", "too large\n", 16},
    {"no end of empty data lines", "data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n\n",
     "too large\n", 8},
    {"events before it come through", "data: a\n\ndata: b\n\ndata: 0123456789x\n\ndata: c\n\n", "|a\n|b\ntoo large\n",
     16},
    {"each event has room of its own", "data: 0123456789\n\ndata: 0123456789\n\n", "|0123456789\n|0123456789\n", 16},
    {"bom does not count",
     "\xef\xbb\xbf"
     "data: 0123456789\n\n",
     "|0123456789\n", 16},
};

TEST(SseReader, Caps)
{
    expect_rows(kCaps);
}

TEST(SseReader, TooLargeStays)
{
    wire::SseReader reader(16);
    wire::WireEvent event;
    reader.push("data: 0123456789x\n\ndata: a\n\n");
    EXPECT_FALSE(reader.next(event));
    for (int i = 0; i < 3; i++) {
        reader.push("data: b\n\n");
        EXPECT_FALSE(reader.next(event));
        EXPECT_EQ(reader.status().code, Errc::too_large);
    }
    EXPECT_FALSE(reader.finish(event));
}

TEST(SseReader, AHugeEventIsReadWhereItsCapAllows)
{
    std::string data(300000, 'x');
    std::string stream = "event: big\ndata: " + data + "\n\ndata: next\n\n";
    std::string expected = "big|" + data + "\n|next\n";
    for (size_t size : {size_t{0}, size_t{1000}, size_t{65536}}) {
        EXPECT_EQ(list(stream, size, data.size() + 6), expected) << size;
        EXPECT_EQ(list(stream, size, data.size() + 5), "too large\n") << size;
    }
}

// Any two cuts, not only even pieces: every place of one event against every other.
TEST(SseReader, AnyTwoCuts)
{
    std::string stream = "\xef\xbb\xbf: c\r\nevent: e\r\ndata: \xc3\xa9\r\ndata: b\r\n\r\ndata:z\r\r\n";
    std::string expected = "e|\xc3\xa9\\nb\n|z\n";
    for (size_t a = 0; a <= stream.size(); a++) {
        for (size_t b = a; b <= stream.size(); b++) {
            Listing listing(kRoomy);
            listing.push(stream.substr(0, a));
            listing.push(stream.substr(a, b - a));
            listing.push(stream.substr(b));
            ASSERT_EQ(listing.finish(), expected) << "cut at " << a << " and " << b;
        }
    }
}

// What lies whole in one read is not copied.
TEST(SseReader, EventsPointIntoTheRead)
{
    std::string bytes = "event: e\ndata: abc\n\n";
    wire::SseReader reader(kRoomy);
    wire::WireEvent event;
    reader.push(bytes);
    ASSERT_TRUE(reader.next(event));
    EXPECT_EQ(event.type.data(), bytes.data() + 7);
    EXPECT_EQ(event.data.data(), bytes.data() + 15);
}

}  // namespace

}  // namespace llm::test
