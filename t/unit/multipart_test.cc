// Forms (multipart/form-data) as clients upload files with.
#include "wire/multipart.hpp"

#include <gtest/gtest.h>

#include <string>

#include "guard.hpp"

namespace llm::test {

namespace {

// "name=value" a part, files with a star; then "!why" when it is broken.
std::string read(std::string_view type, std::string_view body)
{
    Guarded guarded(body);
    wire::FormReader form(type, guarded.view());
    wire::FormPart part;
    std::string out;
    while (form.next(part)) {
        out += std::string(part.name) + (part.is_file ? "*" : "") + '=' + std::string(part.value) + ';';
    }
    if (!form.status().ok()) out += '!' + std::string(form.status().at);
    return out;
}

constexpr std::string_view kType = "multipart/form-data; boundary=xyz";

TEST(Multipart, Parts)
{
    struct Row {
        std::string_view body, expected;
    };
    const Row rows[] = {
        {"--xyz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--xyz--\r\n", "model=whisper-1;"},
        {"--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;b.mp3\"\r\n"
         "Content-Type: audio/mpeg\r\n\r\n\x01\r\n--xy\r\nz--xyz\r\n--xyz  \r\n"
         "content-disposition:form-data;name=model\r\n\r\n\r\n--xyz--",
         "file*=\x01\r\n--xy\r\nz--xyz;model=;"},
        {"preamble\r\n--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xyz\r\n"
         "X-Other: name=\"no\"\r\nContent-Disposition: form-data; Name=\"b\"\r\n\r\n2\r\n--xyz--epilogue",
         "a=1;b=2;"},
        {"--xyz--", ""},
        {"--xyz\r\n\r\nbare\r\n--xyz--", "=bare;"},
        {"", "!form without parts"},
        {"xyz", "!form without parts"},
        {"\r\n--xy", "!form without parts"},
        {"--xyz", "!form that is cut off"},
        {"--xyz\r\n", "!form that is cut off"},
        {"--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1", "!form that is cut off"},
        {"--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n--xyz--", "!part of a form without content"},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(read(kType, row.body), row.expected) << row.body;
    }
    // A file may hold what looks like a delimiter but stands in no line of its own.
    std::string file = "a--xyz\r\n --xyz\r\n-xyz";
    EXPECT_EQ(read(kType, "--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=x\r\n\r\n" + file +
                              "\r\n--xyz--\r\n"),
              "f*=" + file + ';');
}

TEST(Multipart, Types)
{
    constexpr std::string_view kBody = "--a b\r\nContent-Disposition: form-data; name=n\r\n\r\nv\r\n--a b--";
    EXPECT_EQ(read("multipart/form-data; charset=utf-8; Boundary=\"a b\"", kBody), "n=v;");
    EXPECT_EQ(read("multipart/form-data", kBody), "!form without a boundary");
    EXPECT_EQ(read("multipart/form-data; boundary=", kBody), "!form without a boundary");
    EXPECT_EQ(read("multipart/form-data; boundary=" + std::string(71, 'a'), kBody), "!form without a boundary");
    EXPECT_TRUE(wire::is_form("Multipart/Form-Data ; boundary=x"));
    EXPECT_FALSE(wire::is_form("multipart/form-data2"));
    EXPECT_FALSE(wire::is_form("application/json"));
}

}  // namespace

}  // namespace llm::test
