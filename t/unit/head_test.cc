// The request line and headers that a provider gets.
#include <gtest/gtest.h>

#include <vector>

#include "chat/dropped.hpp"
#include "providers/provider.hpp"

namespace llm::test {

namespace {

using providers::Header;
using providers::RequestHead;

std::string head_of(std::string_view provider, const RequestHead& head)
{
    const providers::Provider& row = *providers::find(provider);
    RequestHead filled = head;
    filled.path = row.chat.path;
    std::string out;
    providers::write_head(row, filled, out);
    return out;
}

TEST(Head, OpenAi)
{
    EXPECT_EQ(
        head_of("openai",
                {.host = "api.openai.com", .base = {}, .path = {}, .key = "sk-1", .headers = {}, .content_length = 42}),
        "POST /v1/chat/completions HTTP/1.1\r\n"
        "Host: api.openai.com\r\n"
        "Content-Type: application/json\r\n"
        "Content-Length: 42\r\n"
        "Accept-Encoding: identity\r\n"
        "User-Agent: ngx-llm-gateway\r\n"
        "Authorization: Bearer sk-1\r\n"
        "\r\n");
}

TEST(Head, Anthropic)
{
    EXPECT_EQ(
        head_of("anthropic", {.host = "h", .base = {}, .path = {}, .key = "k", .headers = {}, .content_length = 0}),
        "POST /v1/messages HTTP/1.1\r\n"
        "Host: h\r\n"
        "Content-Type: application/json\r\n"
        "Content-Length: 0\r\n"
        "Accept-Encoding: identity\r\n"
        "User-Agent: ngx-llm-gateway\r\n"
        "x-api-key: k\r\n"
        "anthropic-version: 2023-06-01\r\n"
        "\r\n");
}

TEST(Head, TheOperatorsPlaceForTheKey)
{
    RequestHead head{.host = "h", .base = {}, .path = {}, .key = "k", .headers = {}};
    EXPECT_NE(head_of("azure", head).find("\r\napi-key: k\r\n"), std::string::npos);
    head.auth = providers::Auth::bearer;
    std::string azure = head_of("azure", head);
    EXPECT_NE(azure.find("\r\nAuthorization: Bearer k\r\n"), azure.npos);
    EXPECT_EQ(azure.find("api-key"), azure.npos);
}

TEST(Path, OfTwoTheSecondIsForThoseWithAVersion)
{
    const providers::Provider& azure = *providers::find("azure");
    EXPECT_EQ(providers::fill_path(azure.chat.path, {.model = "my gpt"}), "/openai/v1/chat/completions");
    EXPECT_EQ(providers::fill_path(azure.chat.path, {.model = "my gpt", .api_version = "2024-10-21"}),
              "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21");
}

TEST(Head, Gemini)
{
    EXPECT_EQ(head_of("gemini", {.host = "h", .base = {}, .path = {}, .key = "k", .headers = {}, .content_length = 2}),
              "POST /v1beta/models/{model}:generateContent HTTP/1.1\r\n"
              "Host: h\r\n"
              "Content-Type: application/json\r\n"
              "Content-Length: 2\r\n"
              "Accept-Encoding: identity\r\n"
              "User-Agent: ngx-llm-gateway\r\n"
              "x-goog-api-key: k\r\n"
              "\r\n");
}

TEST(Head, NoKeyNoCredential)
{
    std::string head = head_of("openai", {.host = "h", .base = {}, .path = {}, .key = {}, .headers = {}});
    EXPECT_EQ(head.find("Authorization"), head.npos) << head;
}

TEST(Head, TheBaseOfPassReplacesTheRows)
{
    struct Row {
        std::string_view base;
        bool has_base;
        std::string_view line;
    };
    const Row rows[] = {
        {"", false, "POST /v1/chat/completions HTTP/1.1\r\n"},
        {"/ignored", false, "POST /v1/chat/completions HTTP/1.1\r\n"},
        {"/openai/v1", true, "POST /openai/v1/chat/completions HTTP/1.1\r\n"},
        {"", true, "POST /chat/completions HTTP/1.1\r\n"},
    };
    for (const Row& row : rows) {
        std::string head =
            head_of("openai", {.host = "h", .base = row.base, .has_base = row.has_base, .key = {}, .headers = {}});
        EXPECT_TRUE(head.starts_with(row.line)) << head;
    }
}

// The operator's headers, each once and instead of the row's own.
TEST(Head, HeadersOfTheOperator)
{
    std::vector<Header> headers = {
        {"Anthropic-Version", "2026-10-21"}, {"USER-AGENT", "mine"}, {"traceparent", "00-1"}};
    std::string head = head_of("anthropic", {.host = "h", .base = {}, .path = {}, .key = {}, .headers = headers});
    EXPECT_EQ(head.find("2023-06-01"), head.npos) << head;
    EXPECT_EQ(head.find("ngx-llm-gateway"), head.npos) << head;
    for (std::string_view line :
         {"Anthropic-Version: 2026-10-21\r\n", "USER-AGENT: mine\r\n", "traceparent: 00-1\r\n"}) {
        EXPECT_NE(head.find(line), head.npos) << head;
    }
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

// A credential of the operator's in the key's place is the only one.
TEST(Head, OneCredential)
{
    struct Row {
        std::string_view provider, name, value;
    };
    const Row rows[] = {{"openai", "authorization", "Basic eA=="}, {"anthropic", "X-Api-Key", "other"}};
    for (const Row& row : rows) {
        std::vector<Header> headers = {{row.name, row.value}};
        std::string head =
            head_of(row.provider, {.host = "h", .base = {}, .path = {}, .key = "sk-1", .headers = headers});
        EXPECT_EQ(head.find("sk-1"), head.npos) << head;
        EXPECT_NE(head.find(std::string(row.value) + "\r\n"), head.npos) << head;
    }
}

TEST(Head, Registry)
{
    EXPECT_EQ(providers::find("nobody"), nullptr);
    EXPECT_EQ(providers::find(""), nullptr);
    for (const providers::Provider& p : providers::all()) {
        EXPECT_EQ(providers::find(p.name), &p);
        ASSERT_NE(p.chat.dialect, nullptr) << p.name;
        EXPECT_TRUE(p.base.empty() || (p.base.starts_with('/') && !p.base.ends_with('/'))) << p.name;
        EXPECT_TRUE(p.chat.path.starts_with('/')) << p.name;
    }
}

TEST(Head, NamesInPaths)
{
    struct Row {
        std::string_view path, expected;
    };
    constexpr Row kRows[] = {
        {"/chat/completions", "/chat/completions"},
        {"/models/{model}:generateContent", "/models/us.amazon.nova-micro-v1%3A0:generateContent"},
        {"/{project}/{location}/{model}", "/p%2F..%2Fp/eu%20west/us.amazon.nova-micro-v1%3A0"},
        {"/x?api-version={api_version}", "/x?api-version=2024-10-21%26a%3Db"},
        {"/{unknown}/x{", "//x{"},
        {"}{model}{", "us.amazon.nova-micro-v1%3A0{"},
        {"{model}", "us.amazon.nova-micro-v1%3A0"},
    };
    const providers::PathValues values = {
        .model = "us.amazon.nova-micro-v1:0",
        .project = "p/../p",
        .location = "eu west",
        .api_version = "2024-10-21&a=b",
    };
    for (const Row& row : kRows) EXPECT_EQ(providers::fill_path(row.path, values), row.expected) << row.path;
}

TEST(Head, PathOfAStream)
{
    providers::Endpoint e{.path = "/a"};
    EXPECT_EQ(e.path_for(true), "/a");
    e.stream_path = "/b";
    EXPECT_EQ(e.path_for(true), "/b");
    EXPECT_EQ(e.path_for(false), "/a");
}

TEST(Head, SecretsOfIt)
{
    std::string head;
    providers::RequestHead request;
    request.host = "api.example.com";
    request.key = "sk-0123456789abcdef";
    const providers::Header headers[] = {
        {"api-key", "azure-0123456789abcdef"},
        {"X-Auth-Token", "short"},
        {"anthropic-beta", "interleaved-thinking-2025-05-14"},
        {"Proxy-Authorization", "Basic YWxhZGRpbjpvcGVuc2VzYW1l"},
    };
    request.headers = headers;
    providers::write_head(*providers::find("openai"), request, head);

    std::string text =
        "key sk-0123456789abcdef, sk-0123456789abcdef! azure-0123456789abcdef short "
        "YWxhZGRpbjpvcGVuc2VzYW1l interleaved-thinking-2025-05-14 api.example.com application/json";
    providers::hide_secrets(head, text);
    EXPECT_EQ(text,
              "key [key], [key]! [key] short [key] interleaved-thinking-2025-05-14 api.example.com application/json");
    std::string none;
    providers::hide_secrets(head, none);
    providers::hide_secrets("", text);
    providers::hide_secrets("no head at all", text);
    EXPECT_EQ(none, "");
}

// Names of fields stand in a header: the client's bytes must not break it.
TEST(Dropped, NamesAreCleanedCappedAndListedOnce)
{
    struct Row {
        std::string name;
        std::vector<std::string> added;
        std::string listed;
    };
    const Row rows[] = {
        {"nothing", {}, ""},
        {"in order", {"seed", "user"}, "seed,user"},
        {"once", {"seed", "user", "seed"}, "seed,user"},
        {"a part of another name is another", {"logprobs", "top_logprobs", "log"}, "logprobs,top_logprobs,log"},
        {"line ends and blanks", {"a\r\nX-Evil: 1"}, "a??X-Evil:?1"},
        {"comma and bytes above ascii", {"a,b", "caf\xc3\xa9"}, "a?b,caf??"},
        {"cleaned names are one", {"a b", "a\tb"}, "a?b"},
        {"what does not fit is left out", {"first", std::string(600, 'x'), "last"}, "first,last"},
    };
    for (const Row& row : rows) {
        chat::Dropped dropped;
        for (const std::string& name : row.added) dropped.add(name);
        EXPECT_EQ(dropped.names(), row.listed) << row.name;
    }
    chat::Dropped many;
    for (int i = 0; i < 1000; i++) many.add("field" + std::to_string(i));
    EXPECT_LE(many.names().size(), 512U);
    EXPECT_GT(many.names().size(), 480U);
}

}  // namespace

}  // namespace llm::test
