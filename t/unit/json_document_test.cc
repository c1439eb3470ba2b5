// Parsing: what is accepted, what the tree says, where an error is.
#include "json/document.hpp"

#include <gtest/gtest.h>

#include "guard.hpp"
#include "json_text.hpp"

namespace llm::test {

namespace {

using namespace std::string_literals;
using json::Document;
using json::Limits;
using json::Mode;

// Of the skeleton that yajl is shown, so much goes in one call.
constexpr size_t kSkeleton = 1024;
constexpr size_t kBatch = 64;
// More than one step of the string scanner.
constexpr size_t kLong = 48;

struct Good {
    std::string name;
    std::string text;
    std::string printed;
};

const Good kGood[] = {
    {"null", "null", "null"},
    {"true", "true", "yes"},
    {"false", "false", "no"},
    {"zero", "0", "#0"},
    {"number with blanks around", " \t\r\n12 \n", "#12"},
    {"empty string", R"("")", "<>"},
    {"empty array", "[]", "[]"},
    {"empty object", "{}", "{}"},
    {"blanks in empty containers", "[ { } , [ ] ]", "[{} []]"},
    {"every type", R"({"a":null,"b":[true,false],"c":1,"d":"x","e":{"f":[]}})",
     "{a=null b=[yes no] c=#1 d=<x> e={f=[]}}"},
    {"all the blanks there are", "\r\n{\t\"a\" :\n[ 1\r,2 ]\n,\"b\":\t2 } ", "{a=[#1 #2] b=#2}"},
    {"numbers stay text", "[0.10,1E400,-0,1.0e+2,-0.0E-0,100000000000000000000]",
     "[#0.10 #1E400 #-0 #1.0e+2 #-0.0E-0 #100000000000000000000]"},
    {"scalars without a blank between", "[1,true,null,\"\"]", "[#1 yes null <>]"},
    {"escapes", R"(["\"\\\/\b\f\n\r\t","\u0041\u00e9\u20AC"])", "[<\"\\/\b\f\n\r\t> <A\xc3\xa9\xe2\x82\xac>]"},
    {"escaped nul", R"("a\u0000b")", "<a\0b>"s},
    {"surrogate pair", R"("\ud83d\ude00")", "<\xf0\x9f\x98\x80>"},
    {"lone surrogates", R"(["\ud83d","\ude00x","\ud83d\ud83d\ude00"])",
     "[<\xef\xbf\xbd> <\xef\xbf\xbdx> <\xef\xbf\xbd\xf0\x9f\x98\x80>]"},
    {"key with escapes", R"({"m\u006fdel":1,"a\"b":2})", "{model=#1 a\"b=#2}"},
    {"empty key", R"({"":1})", "{=#1}"},
    {"utf-8 in key and value", "{\"caf\xc3\xa9\":\"\xe2\x82\xac\"}", "{caf\xc3\xa9=<\xe2\x82\xac>}"},
    {"brackets and quotes inside strings", R"(["[{,:}]","\"","//"])", "[<[{,:}]> <\"> <//>]"},
    {"one name in two objects", R"({"a":{"a":1},"b":{"a":2}})", "{a={a=#1} b={a=#2}}"},
    {"siblings after deep ones", R"([[[1],[2]],{"a":[{"b":[]}]},3])", "[[[#1] [#2]] {a=[{b=[]}]} #3]"},
};

TEST(Document, GoodTexts)
{
    Document doc;  // one for all: nothing of the former text may be left
    for (const Good& row : kGood) {
        SCOPED_TRACE(row.name);
        Guarded text(row.text);
        for (Mode mode : {Mode::strict, Mode::liberal}) {
            Status s = doc.parse(text.view(), mode);
            ASSERT_TRUE(s.ok()) << s.at << " at " << doc.where();
            EXPECT_EQ(print(doc.root()), row.printed);
            EXPECT_EQ(rewrite(doc.root()), without_blanks(row.text));
            expect_slices(doc.root());
            EXPECT_EQ(doc.source().data(), text.view().data());
        }
    }
}

struct Bad {
    std::string name;
    std::string text;
    Errc code;
    std::string where;
};

const Bad kBad[] = {
    {"nothing", "", Errc::bad_json, ""},
    {"blanks only", " \n", Errc::bad_json, ""},
    {"trailing garbage", "{} x", Errc::bad_json, ""},
    {"second value", "1 2", Errc::bad_json, ""},
    {"second string", R"("a" "b")", Errc::bad_json, ""},
    {"string without end behind the value", "{} \"", Errc::bad_json, ""},
    {"half a word behind the value", "{} tru", Errc::bad_json, ""},
    {"bare word", "nul", Errc::bad_json, ""},
    {"capital", "True", Errc::bad_json, ""},
    {"nan", "[NaN]", Errc::bad_json, "[0]"},
    {"comma at the end of an array", "[1,]", Errc::bad_json, "[1]"},
    {"comma at the end of an object", R"({"a":1,})", Errc::bad_json, ""},
    {"comma missing", "[1 2]", Errc::bad_json, "[1]"},
    {"colon missing", R"({"a" 1})", Errc::bad_json, "a"},
    {"value missing", R"({"a":})", Errc::bad_json, "a"},
    {"key is no string", "{1:2}", Errc::bad_json, ""},
    {"key without quotes", "{a:1}", Errc::bad_json, ""},
    {"wrong bracket", "[1}", Errc::bad_json, "[1]"},
    {"bracket too many", "[1]]", Errc::bad_json, ""},
    {"open array", "[1,[2", Errc::bad_json, "[1][1]"},
    {"open object", R"({"a":{"b":1)", Errc::bad_json, "a"},
    {"open object before the value", R"({"a":{"b":)", Errc::bad_json, "a.b"},
    {"comment", "[1/**/]", Errc::bad_json, "[1]"},
    {"line comment", "// x\n1", Errc::bad_json, ""},
    {"apostrophes", "['a']", Errc::bad_json, "[0]"},
    {"leading zero", "[01]", Errc::bad_json, "[1]"},
    {"plus sign", "[+1]", Errc::bad_json, "[0]"},
    {"hex", "[0x1]", Errc::bad_json, "[1]"},
    {"dot without digits", "[1.]", Errc::bad_json, "[0]"},
    {"no digit before the dot", "[.5]", Errc::bad_json, "[0]"},
    {"exponent without digits", "[1e]", Errc::bad_json, "[0]"},
    {"lone minus", "[-]", Errc::bad_json, "[0]"},
    {"minus at the end", "-", Errc::bad_json, ""},
    {"nul between tokens", "[1,\0 2]"s, Errc::bad_json, "[1]"},
    {"nul at the end", "{}\0"s, Errc::bad_json, ""},
    // yajl takes both for blanks, RFC 8259 does not.
    {"vertical tab between tokens", "[1,\v2]", Errc::bad_json, "[1]"},
    {"form feed between tokens", "{\"a\":\f2}", Errc::bad_json, "a"},
    {"form feed at the start", "\f1", Errc::bad_json, ""},
    {"vertical tab at the end", "1\v", Errc::bad_json, ""},
    {"vertical tab behind a number", "[12\v]", Errc::bad_json, "[0]"},
    {"byte order mark", "\xef\xbb\xbf{}", Errc::bad_json, ""},
    {"utf-8 outside strings", "[\xc3\xa9]", Errc::bad_json, "[0]"},
    {"utf-16", "\xff\xfe{\0}\0"s, Errc::bad_json, ""},
    {"control character in a value", "{\"a\":[\"\x01\"]}", Errc::bad_json, "a[0]"},
    {"control character in a key", "{\"a\x1f\":1}", Errc::bad_json, ""},
    {"vertical tab in a string", "[\"\v\"]", Errc::bad_json, "[0]"},
    {"unterminated string", "[\"a", Errc::bad_json, "[0]"},
    {"bad escape", R"({"a":"\q"})", Errc::bad_json, "a"},
    {"bad utf-8 in a value", "{\"m\":[{\"c\":\"x\"},{\"c\":\"\xff\"}]}", Errc::bad_utf8, "m[1].c"},
    {"bad utf-8 in a key", "{\"a\":1,\"\xff\":2}", Errc::bad_utf8, ""},
    {"grammar before the bad string counts", "[1 2 \"\xff\"]", Errc::bad_json, "[1]"},
    {"duplicate key", R"({"a":1,"a":1})", Errc::duplicate_key, "a"},
    {"duplicate key, not neighbours", R"({"a":1,"b":2,"a":3})", Errc::duplicate_key, "a"},
    {"duplicate key, first spelled with an escape", R"({"\u0061":1,"a":2})", Errc::duplicate_key, "a"},
    {"duplicate key, second spelled with an escape", R"({"a":1,"\u0061":2})", Errc::duplicate_key, "\\u0061"},
    {"duplicate key, two spellings with escapes", R"({"a\/":1,"\u0061/":2})", Errc::duplicate_key, "\\u0061/"},
    {"duplicate empty key", R"({"":1,"":2})", Errc::duplicate_key, ""},
    {"duplicate key inside", R"({"x":[0,{"y":{"a":1,"a":2}}]})", Errc::duplicate_key, "x[1].y.a"},
};

TEST(Document, BadTexts)
{
    Document doc;
    for (const Bad& row : kBad) {
        SCOPED_TRACE(row.name);
        Status s = doc.parse(Guarded(row.text).view(), Mode::strict);
        EXPECT_EQ(s.code, row.code) << s.at;
        EXPECT_FALSE(s.at.empty());
        EXPECT_EQ(doc.where(), row.where);
        // What a provider sends is judged alike, but for what liberal means.
        bool mended = row.code == Errc::bad_utf8 || row.code == Errc::duplicate_key;
        EXPECT_EQ(doc.parse(row.text, Mode::liberal).ok(), mended);
    }
}

TEST(Document, LiberalMendsUtf8AndTakesTheLastDuplicate)
{
    struct Row {
        std::string text, printed, member;
    };
    const Row rows[] = {
        {"{\"a\":\"x\xff\"}", "{a=<x\xef\xbf\xbd>}", "<x\xef\xbf\xbd>"},
        {"{\"a\":1,\"b\xe2\x82\":2}", "{a=#1 b\xef\xbf\xbd=#2}", "#1"},
        {R"({"a":1,"a":2})", "{a=#1 a=#2}", "#2"},
        {R"({"\u0061":1,"b":0,"a":null})", "{a=#1 b=#0 a=null}", "null"},
    };
    for (const Row& row : rows) {
        Document doc;
        ASSERT_TRUE(doc.parse(row.text, Mode::liberal).ok()) << row.text;
        EXPECT_EQ(print(doc.root()), row.printed);
        EXPECT_EQ(print(*doc.root().find("a")), row.member);
        expect_slices(doc.root());
    }
}

// Up to sixteen members are compared in pairs, more are sorted.
TEST(Document, FindsDuplicatesAmongAnyNumberOfMembers)
{
    for (size_t n : {2U, 15U, 16U, 17U, 18U, 40U}) {
        for (size_t twin = 0; twin + 1 < n; twin++) {
            for (bool escaped : {false, true}) {
                std::string text = "{", last;
                for (size_t i = 0; i < n; i++) {
                    std::string key = std::to_string(i + 1 < n ? i : twin);
                    last = escaped && i + 1 == n ? "\\u003" + key.substr(0, 1) + key.substr(1) : key;
                    text.append(i ? "," : "").append("\"").append(last).append("\":").append(std::to_string(i));
                }
                text += '}';
                Document doc;
                ASSERT_EQ(doc.parse(text, Mode::strict).code, Errc::duplicate_key) << text;
                ASSERT_TRUE(doc.parse(text, Mode::liberal).ok()) << text;
                ASSERT_EQ(doc.root().find(std::to_string(twin))->raw(), std::to_string(n - 1)) << text;
                // The same names but for the last one are no duplicates.
                text.replace(text.rfind('"' + last + '"') + 1, last.size(), "other");
                ASSERT_TRUE(doc.parse(text, Mode::strict).ok()) << text;
            }
        }
    }
}

TEST(Document, PrefixesEndBetweenCharacters)
{
    const std::string text = "a\\n\xc3\xa9\\u00e9\\ud83d\\ude00\\ud83dx\\\\\xf0\x9f\x98\x80z";
    const std::vector<size_t> ends = {0, 1, 3, 5, 11, 23, 29, 30, 32, 36, 37};
    ASSERT_EQ(text.size(), ends.back());
    for (size_t max = 0; max <= text.size() + 1; max++) {
        size_t expected = 0;
        for (size_t end : ends) expected = end <= max ? end : expected;
        EXPECT_EQ(json::escaped_prefix(Guarded(text).view(), max).size(), expected) << max;
    }
}

TEST(Document, TruncatedAtEveryByte)
{
    std::string long_one(kLong + 20, 'l');
    std::string text = R"({"a":null,"b":[true,-1.5e3,"x\u00e9\ud83d\ude00","\n"],")" + long_one + R"(":")" + long_one +
                       "\xc3\xa9\",\"c\":{\"d\":0}}";
    Document doc;
    ASSERT_TRUE(doc.parse(text, Mode::strict).ok());
    for (size_t n = 0; n < text.size(); n++) {
        EXPECT_EQ(doc.parse(Guarded(text.substr(0, n)).view(), Mode::strict).code, Errc::bad_json) << n;
    }
}

TEST(Document, Caps)
{
    struct Row {
        std::string name;
        std::string text;
        Limits limits;
        Errc code;
        std::string where;
    };
    auto nested = [](size_t n) { return std::string(n, '[') + std::string(n, ']'); };
    auto place = [](size_t n) {
        std::string out;
        while (n-- > 0) out += "[0]";
        return out;
    };
    std::string deep_members, closing;
    for (int i = 0; i < 5; i++) {
        deep_members += R"({"k":)";
        closing += '}';
    }
    const Row rows[] = {
        {"depth reached", nested(3), {.depth = 3}, Errc::ok, ""},
        {"depth passed", nested(4), {.depth = 3}, Errc::too_deep, place(3)},
        {"depth counts objects", deep_members + "0" + closing, {.depth = 4}, Errc::too_deep, "k.k.k.k"},
        {"depth is not width", "[[],[],[],[],[]]", {.depth = 2}, Errc::ok, ""},
        {"the usual depth", nested(128), {}, Errc::ok, ""},
        {"beyond the usual depth", nested(129), {}, Errc::too_deep, place(128)},
        {"deepest of all", nested(json::kMaxDepth), {.depth = 100000}, Errc::ok, ""},
        {"no limit goes deeper",
         nested(json::kMaxDepth + 1),
         {.depth = 100000},
         Errc::too_deep,
         place(json::kMaxDepth)},
        {"never closed", std::string(2000000, '['), {.depth = 100000}, Errc::too_deep, place(json::kMaxDepth)},
        {"values reached", "[1,[2],{\"a\":3}]", {.values = 6}, Errc::ok, ""},
        {"values passed", "[1,[2],{\"a\":3}]", {.values = 5}, Errc::too_many, "[2].a"},
        {"values passed by the root", "1", {.values = 0}, Errc::too_many, ""},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        Document doc;
        EXPECT_EQ(doc.parse(row.text, Mode::strict, row.limits).code, row.code);
        EXPECT_EQ(doc.where(), row.where);
    }
}

// yajl keeps a number that its input cuts off; that memory does not grow.
TEST(Document, LongNumbers)
{
    std::string digits(5000, '7');
    std::string strings;
    for (size_t i = 0; i < kBatch; i++) strings += "\"s\",";
    struct Row {
        std::string name, text;
        bool ok;
    };
    const Row rows[] = {
        {"between other values", "[" + digits + ",-" + digits + "." + digits + "e1,0]", true},
        {"behind a batch of strings", "[" + strings + digits + "]", true},
        {"at the end", digits, false},
        {"at the end, short enough", digits.substr(0, 1024), true},
        {"at the end, one too long", digits.substr(0, 1025), false},
        {"before a vertical tab", "[" + digits + "\v]", false},
        {"before a bad string", "[" + digits + "\"\x01\"]", false},
        {"before a good string", "[" + digits + "\"a\"]", false},
        {"right behind a batch of strings", "[" + strings.substr(0, strings.size() - 1) + digits + ",1]", false},
        {"right behind a long string", "[\"" + std::string(kLong, 'x') + "\"" + digits + "]", false},
        {"inside an open array", "[1," + digits, false},
    };
    for (const Row& row : rows) {
        Document doc;
        EXPECT_EQ(doc.parse(row.text, Mode::strict).ok(), row.ok) << row.name;
        if (!row.ok) continue;
        EXPECT_EQ(rewrite(doc.root()), without_blanks(row.text)) << row.name;
    }
}

TEST(Document, StringsOfEveryLength)
{
    for (size_t n = kLong - 34; n <= kLong + 34; n++) {
        for (std::string end : {"", "\\n", "\xc3\xa9", "\\\\"}) {
            std::string s = std::string(n, 'v') + end;
            std::string text = "{\"" + s + "\" : [ \"" + s + "\", 1, \"" + s + "\" ] , \"t\" : \"" + s + "\" }";
            Document doc;
            ASSERT_TRUE(doc.parse(Guarded(text).view(), Mode::strict).ok()) << n;
            ASSERT_TRUE(doc.parse(text, Mode::strict).ok()) << n;
            EXPECT_EQ(rewrite(doc.root()), without_blanks(text));
            EXPECT_EQ(doc.root().find("t")->body(), s);
        }
    }
}

// Strings wait for yajl in batches: no slice may end up at another place.
TEST(Document, BatchesOfStrings)
{
    std::string longer(kLong, 'h');
    for (size_t n : {kBatch - 1, kBatch, kBatch + 1, 2 * kBatch - 1, 2 * kBatch, 2 * kBatch + 1, size_t{300}}) {
        for (size_t at = 0; at <= n; at += 7) {
            std::string list = "[", object = "{";
            for (size_t i = 0; i < n; i++) {
                std::string value = '"' + std::to_string(i) + (i == at ? longer : "") + '"';
                list += (i ? ", " : "") + value;
                object += (i ? ",\"k" : "\"k") + std::to_string(i) + "\" : " + value;
            }
            list += ']';
            object += '}';
            Document doc;
            for (const std::string& text : {list, object}) {
                ASSERT_TRUE(doc.parse(text, Mode::strict).ok()) << n << " strings, long one at " << at;
                ASSERT_EQ(rewrite(doc.root()), without_blanks(text)) << n << " strings, long one at " << at;
            }
        }
    }
}

// What stands between two strings may be just what the skeleton has room for,
// or more than that.
TEST(Document, GapsOfEveryLengthAroundTheSkeletons)
{
    for (size_t before : {size_t{0}, size_t{10}, kSkeleton / 2}) {
        for (size_t gap = kSkeleton - before - 20; gap <= kSkeleton - before + 20; gap++) {
            std::string text = "[" + std::string(before, ' ') + "\"first\"," + std::string(gap, ' ') +
                               "12,\"second\",[3," + std::string(2 * kSkeleton, '\n') + "{}],\"third\",4]";
            Document doc;
            ASSERT_TRUE(doc.parse(Guarded(text).view(), Mode::strict).ok()) << before << ", " << gap;
            ASSERT_TRUE(doc.parse(text, Mode::strict).ok());
            ASSERT_EQ(rewrite(doc.root()), without_blanks(text)) << before << ", " << gap;
        }
    }
}

TEST(Document, OneDocumentParsesOneTextAfterTheOther)
{
    Document doc;
    EXPECT_FALSE(doc.parse({}, Mode::strict).ok());
    EXPECT_FALSE(doc.parse({}, Mode::liberal).ok());
    EXPECT_FALSE(doc.parse(R"({"a":[1,{"b":)", Mode::strict).ok());
    EXPECT_EQ(doc.where(), "a[1].b");
    EXPECT_FALSE(doc.parse("{\"a\":1,\"a\":2}", Mode::strict).ok());
    EXPECT_EQ(doc.where(), "a");
    ASSERT_TRUE(doc.parse("[\"\xff\"]", Mode::liberal).ok());
    ASSERT_TRUE(doc.parse("[1]", Mode::liberal).ok());
    EXPECT_EQ(doc.where(), "");
    EXPECT_EQ(print(doc.root()), "[#1]");
}

}  // namespace

}  // namespace llm::test
