// JSON Schemas on their way into Anthropic's `output_config.format` (wire
// format: anthropic, section 10).
#include <gtest/gtest.h>

#include "dialects/anthropic/anthropic.hpp"
#include "json/document.hpp"

namespace llm::test {

namespace {

using json::Document;
using json::Mode;

struct Row {
    std::string_view name, schema, written;
};

const Row kWritten[] = {
    {"fine as it is", R"j({ "type":"object", "properties":{"a":{"type":"string"}} , "additionalProperties": false })j",
     R"j({ "type":"object", "properties":{"a":{"type":"string"}} , "additionalProperties": false })j"},
    {"no object at all", R"j({"type": "string", "format":"email"})j", R"j({"type": "string", "format":"email"})j"},
    {"not closed", R"j({"type":"object","properties":{}})j",
     R"j({"type":"object","properties":{},"additionalProperties":false})j"},
    {"object without type", R"j({"properties":{}})j", R"j({"properties":{},"additionalProperties":false})j"},
    {"only what must change is written anew",
     R"j({"type":"object","properties":{"a":{ "type" : "string" }},"required":["a"]})j",
     R"j({"type":"object","properties":{"a":{ "type" : "string" }},"required":["a"],"additionalProperties":false})j"},
    {"keyword becomes advice", R"j({"type":"integer","minimum":1.0e+0})j",
     R"j({"type":"integer","description":"(minimum: 1.0e+0)"})j"},
    {"advice behind the description", R"j({"description":"Count\u0021","type":"integer","minimum":1,"maximum":9})j",
     R"j({"description":"Count\u0021 (minimum: 1) (maximum: 9)","type":"integer"})j"},
    {"advice is escaped", R"j({"type":"string","pattern":"^\\d\"$"})j",
     R"j({"type":"string","description":"(pattern: \"^\\\\d\\\"$\")"})j"},
    {"unknown format", R"j({"type":"string","format":"phone"})j",
     R"j({"type":"string","description":"(format: \"phone\")"})j"},
    {"description that is no text", R"j({"type":"integer","description":[1],"minimum":1})j",
     R"j({"type":"integer","description":"(minimum: 1)"})j"},
    {"oneOf", R"j({"oneOf":[{"type":"string"},{"type":"integer","minimum":1}]})j",
     R"j({"anyOf":[{"type":"string"},{"type":"integer","description":"(minimum: 1)"}]})j"},
    {"oneOf beside anyOf", R"j({"anyOf":[{"type":"string"}],"oneOf":[{"const":"a"}]})j",
     R"j({"anyOf":[{"type":"string"}],"description":"(oneOf: [{\"const\":\"a\"}])"})j"},
    {"properties named like keywords",
     R"j({"properties":{"minimum":{"type":"integer"},"oneOf":{}},"additionalProperties":false})j",
     R"j({"properties":{"minimum":{"type":"integer"},"oneOf":{}},"additionalProperties":false})j"},
    {"inside arrays and definitions",
     R"j({"type":"array","items":{"type":"object","properties":{}},"$defs":{"d":{"minLength":1}}})j",
     R"j({"type":"array","items":{"type":"object","properties":{},"additionalProperties":false},)j"
     R"j("$defs":{"d":{"description":"(minLength: 1)"}}})j"},
    {"constants are no schemas", R"j({"const":{"minimum":1}})j", R"j({"const":{"minimum":1}})j"},
};

TEST(Schema, Written)
{
    for (const Row& row : kWritten) {
        Document doc, written;
        ASSERT_TRUE(doc.parse(row.schema, Mode::strict).ok()) << row.name;
        Rope out;
        json::Writer w(out);
        anthropic::write_output_schema(w, doc.root());
        std::string text = out.str();
        EXPECT_EQ(text, row.written) << row.name;
        EXPECT_TRUE(written.parse(text, Mode::strict).ok()) << row.name;
        // Written anew it stays as it is.
        Rope again;
        json::Writer second(again);
        anthropic::write_output_schema(second, written.root());
        EXPECT_EQ(again.str(), text) << row.name;
    }
}

std::string with_optional(size_t n, size_t required)
{
    std::string properties, names;
    for (size_t i = 0; i < n; i++) properties += (i ? ",\"p" : "\"p") + std::to_string(i) + "\":{}";
    for (size_t i = 0; i < required; i++) names += (i ? ",\"p" : "\"p") + std::to_string(i) + '"';
    return "{\"properties\":{" + properties + "},\"required\":[" + names + "]}";
}

// Definitions of which each refers to the next one.
std::string chain(size_t n)
{
    std::string definitions;
    for (size_t i = 0; i < n; i++) {
        definitions += "\"d" + std::to_string(i) + "\":{\"$ref\":\"#/$defs/d" + std::to_string(i + 1) + "\"},";
    }
    return "{\"$ref\":\"#/$defs/d0\",\"$defs\":{" + definitions + "\"d" + std::to_string(n) + "\":{}}}";
}

TEST(Schema, Fits)
{
    struct Fit {
        std::string name, schema;
        bool fits;
    };
    const Fit rows[] = {
        {"object", R"({"type":"object","properties":{"a":{"type":"string"}}})", true},
        {"no object", R"({"type":"string"})", true},
        {"map", R"({"type":"object","additionalProperties":{"type":"string"}})", false},
        {"open map", R"({"type":"object","properties":{},"additionalProperties":true})", false},
        {"closed", R"({"type":"object","properties":{},"additionalProperties":false})", true},
        {"object of anything", R"({"type":"object"})", false},
        {"names by pattern", R"({"properties":{},"patternProperties":{"^a":{}}})", false},
        {"map deep inside", R"({"properties":{"a":{"items":{"anyOf":[{"type":"object"}]}}}})", false},
        {"refers to the root", R"({"properties":{"next":{"$ref":"#"}}})", false},
        {"definition", R"({"properties":{"a":{"$ref":"#/$defs/d"}},"$defs":{"d":{"type":"string"}}})", true},
        {"definition used twice",
         R"({"properties":{"a":{"$ref":"#/$defs/d"},"b":{"$ref":"#/$defs/d"}},"$defs":{"d":{"type":"string"}}})", true},
        {"definition of itself",
         R"({"properties":{"a":{"$ref":"#/$defs/d"}},"$defs":{"d":{"items":{"$ref":"#/$defs/d"}}}})", false},
        {"definitions of each other",
         R"({"properties":{"a":{"$ref":"#/definitions/x"}},"definitions":{"x":{"items":{"$ref":"#/definitions/y"}},)"
         R"("y":{"anyOf":[{"$ref":"#/definitions/x"}]}}})",
         false},
        {"a name written otherwise", R"({"$ref":"#/$defs/d","$defs":{"\u0064":{"items":{"$ref":"#/$defs/d"}}}})",
         false},
        {"long chain", chain(63), true},
        {"too long a chain", chain(64), false},
        {"a chain that would fill the stack", chain(50000), false},
        {"reference to nothing", R"({"properties":{"a":{"$ref":"#/$defs/none"}}})", true},
        {"most optional ones", with_optional(24, 0), true},
        {"one optional too many", with_optional(25, 0), false},
        {"required ones do not count", with_optional(40, 16), true},
        {"optional ones count together",
         "{\"properties\":{\"a\":" + with_optional(12, 0) + ",\"b\":" + with_optional(13, 0) +
             "},\"required\":[\"a\",\"b\"]}",
         false},
    };
    for (const Fit& row : rows) {
        Document doc;
        ASSERT_TRUE(doc.parse(row.schema, Mode::strict).ok()) << row.name;
        EXPECT_EQ(anthropic::fits_output_format(doc.root()), row.fits) << row.name;
    }
}

}  // namespace

}  // namespace llm::test
