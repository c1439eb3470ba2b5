// What clients say of their request's targets.
#include "policy/wishes.hpp"

#include <gtest/gtest.h>

#include "client/completions/completions.hpp"
#include "dialects/openai/openai.hpp"

namespace llm::test {

namespace {

using policy::Named;
using policy::Sort;
using policy::Wishes;
using Names = std::vector<std::string>;

struct Heard {
    explicit Heard(std::string members)
        : body(R"({"model":"m","messages":[{"role":"user","content":"Hi"}],)" + members + '}')
    {
        EXPECT_TRUE(completions::read_request(body, {}, request, error)) << body << ": " << error.message;
        good = policy::read_wishes(request, wishes, error);
        EXPECT_EQ(good, !error.set());
    }
    std::string body;
    chat::Request request;
    chat::ApiError error;
    Wishes wishes;
    bool good = false;
};

struct Refused {
    std::string members;
    chat::ErrorClass kind;
    std::string_view param;
};

constexpr chat::ErrorClass kBad = chat::ErrorClass::bad_request;
constexpr chat::ErrorClass kCannot = chat::ErrorClass::unsupported;
const std::string kMany = R"(["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"])";

const Refused kRefused[] = {
    {R"("models":"a")", kBad, "models"},
    {R"("models":[1])", kBad, "models[0]"},
    {R"("models":["a","b c"])", kBad, "models[1]"},
    {R"("models":[""])", kBad, "models[0]"},
    {R"("models":[null])", kBad, "models[0]"},
    {R"("models":)" + kMany, kBad, "models"},
    {R"("fallbacks":{"a":"b"})", kBad, "fallbacks"},
    {R"("fallbacks":[{}])", kCannot, "fallbacks[0].*"},
    {R"("fallbacks":["a",{"model":"b","messages":[]}])", kCannot, "fallbacks[1].*"},
    {R"("fallbacks":[{"name":"b"}])", kBad, "fallbacks[0]"},
    {R"("route":"weighted")", kBad, "route"},
    {R"("provider":"openai")", kBad, "provider"},
    {R"("provider":{"order":"openai"})", kBad, "provider.order"},
    {R"("provider":{"order":[1]})", kBad, "provider.order[0]"},
    {R"("provider":{"only":["a",""]})", kBad, "provider.only[1]"},
    {R"("provider":{"ignore":)" + kMany + '}', kBad, "provider.ignore"},
    {R"("provider":{"allow_fallbacks":"no"})", kBad, "provider.allow_fallbacks"},
    {R"("provider":{"require_parameters":1})", kBad, "provider.require_parameters"},
    {R"("provider":{"sort":"fame"})", kBad, "provider.sort"},
    {R"("provider":{"sort":{"by":7}})", kBad, "provider.sort"},
    {R"("provider":{"data_collection":"deny"})", kCannot, "provider.data_collection"},
    {R"("provider":{"zdr":true})", kCannot, "provider.zdr"},
    {R"("provider":{"quantizations":["fp8"]})", kCannot, "provider.quantizations"},
    {R"("provider":{"max_price":3})", kBad, "provider.max_price"},
    {R"("provider":{"max_price":{"prompt":true}})", kBad, "provider.max_price"},
    {R"("provider":{"max_price":{"prompt":-1}})", kBad, "provider.max_price"},
    {R"("provider":{"max_price":{"image":1}})", kCannot, "provider.max_price.*"},
};

}  // namespace

TEST(Wishes, of_a_body)
{
    Heard h(
        R"("models":["a","b","a"],"fallbacks":["b",{"model":"c"}],"route":"fallback","provider":{"order":["OpenAI","x"],
        "only":["x"],"ignore":["y"],"allow_fallbacks":false,"require_parameters":true,"sort":"price","data_collection":"allow",
        "zdr":false,"preferred_max_latency":3})");
    ASSERT_TRUE(h.good) << h.error.message;
    EXPECT_EQ(h.wishes.models, (Names{"a", "b", "c"}));
    EXPECT_EQ(h.wishes.order, (Names{"OpenAI", "x"}));
    EXPECT_EQ(h.wishes.only, (Names{"x"}));
    EXPECT_EQ(h.wishes.ignore, (Names{"y"}));
    EXPECT_FALSE(h.wishes.allow_fallbacks);
    EXPECT_TRUE(h.wishes.require_parameters);
    EXPECT_EQ(h.wishes.sort, Sort::price);
    EXPECT_EQ(h.wishes.members.size(), 4U);
}

TEST(Wishes, null_says_nothing)
{
    Heard h(
        R"("models":null,"fallbacks":null,"route":null,"provider":{"order":null,"sort":null,"zdr":null,"max_price":null})");
    ASSERT_TRUE(h.good) << h.error.message;
    EXPECT_TRUE(h.wishes.models.empty() && h.wishes.order.empty());
    EXPECT_EQ(h.wishes.members.size(), 4U) << "they are no provider's business all the same";
    EXPECT_TRUE(Heard(R"("provider":null)").good);
}

TEST(Wishes, sort_in_both_forms)
{
    EXPECT_EQ(Heard(R"("provider":{"sort":"throughput"})").wishes.sort, Sort::throughput);
    EXPECT_EQ(Heard(R"("provider":{"sort":{"by":"latency","partition":"none"}})").wishes.sort, Sort::latency);
    EXPECT_EQ(Heard(R"("provider":{"sort":{"partition":"none"}})").wishes.sort, Sort::none);
}

TEST(Wishes, prices_of_a_million_tokens)
{
    Wishes w = Heard(R"("provider":{"max_price":{"prompt":1.25,"completion":"15","image":null}})").wishes;
    EXPECT_EQ(w.max_prompt_price, 1'250'000);
    EXPECT_EQ(w.max_completion_price, 15'000'000);
    EXPECT_FALSE(Heard(R"("provider":{"max_price":{}})").wishes.max_prompt_price);
}

TEST(Wishes, that_are_wrong_or_cannot_be_kept)
{
    for (const Refused& r : kRefused) {
        Heard h(r.members);
        EXPECT_FALSE(h.good) << r.members;
        EXPECT_EQ(h.error.kind, r.kind) << r.members;
        EXPECT_EQ(h.error.param, r.param) << r.members;
        EXPECT_EQ(h.error.status(), 400) << r.members;
    }
}

// Wherever they stand: what goes upstream is what it would be without them.
TEST(Wishes, are_taken_out_of_the_body)
{
    struct Row {
        std::string_view body, upstream;
    };
    const Row rows[] = {
        {R"({"models":["x"],"model":"m","messages":[{"role":"user","content":"Hi"}]})",
         R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})"},
        {R"({ "model" : "m" , "provider" : {"order":[]} , "messages":[{"role":"user","content":"Hi"}] })",
         R"({ "model" : "m" , "messages":[{"role":"user","content":"Hi"}] })"},
        {R"({"route":null,"models":[],"model":"m","messages":[{"role":"user","content":"Hi"}],"fallbacks":[],"provider":{}})",
         R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})"},
        {R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,"models":[]})",
         R"({"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,"stream_options":{"include_usage":true}})"},
    };
    for (const Row& row : rows) {
        chat::Request request;
        chat::ApiError error;
        ASSERT_TRUE(completions::read_request(row.body, {}, request, error)) << error.message;
        Wishes wishes;
        ASSERT_TRUE(policy::read_wishes(request, wishes, error));
        request.own = wishes.members;
        dialects::EncodedRequest out;
        ASSERT_TRUE(openai::encode(request, {.model = "m"}, out, error));
        EXPECT_EQ(out.body.str(), row.upstream);
    }
}

TEST(Wishes, go_to_a_vendor_that_routes)
{
    constexpr std::string_view kBody =
        R"({"model":"m","models":["x"],"messages":[{"role":"user","content":"Hi"}],"provider":{"sort":"price"},"route":null})";
    dialects::Quirks quirks;
    quirks.request.routes = true;
    for (bool heard : {true, false}) {
        chat::Request request;
        chat::ApiError error;
        ASSERT_TRUE(completions::read_request(kBody, {}, request, error)) << error.message;
        Wishes wishes;
        ASSERT_TRUE(policy::read_wishes(request, wishes, error));
        std::span<const json::Value* const> none;
        if (heard)
            std::tie(request.own, request.unknown) =
                std::tuple(std::span<const json::Value* const>(wishes.members), none);
        dialects::EncodedRequest out;
        ASSERT_TRUE(openai::encode(request, {.model = "m", .quirks = &quirks}, out, error));
        json::Document doc;
        std::string upstream = out.body.str();
        ASSERT_TRUE(doc.parse(upstream, json::Mode::strict).ok()) << upstream;
        EXPECT_EQ(doc.root().find("provider") != nullptr, heard) << upstream;
        EXPECT_FALSE(doc.root().find("models") || doc.root().find("route")) << upstream;
        EXPECT_EQ(out.dropped.names(), heard ? "" : "models,provider");
    }
}

TEST(Wishes, lists)
{
    Names names;
    EXPECT_TRUE(policy::read_list(" a, b ,,a,c", names));
    EXPECT_EQ(names, (Names{"a", "b", "c"}));
    EXPECT_TRUE(policy::read_list("", names));
    EXPECT_FALSE(policy::read_list("1,2,3,4,5,6,7,8,9,10,11,12,13,14", names));
}

TEST(Wishes, suffixes)
{
    struct Row {
        std::string_view name, rest;
        Sort sort;
    };
    for (const Row& row : {Row{"gpt:floor", "gpt", Sort::price}, Row{"gpt:nitro", "gpt", Sort::throughput},
                           Row{"gpt:free", "gpt:free", Sort::none}, Row{":nitro", ":nitro", Sort::none},
                           Row{"gpt", "gpt", Sort::none}, Row{"gpt:nitro:floor", "gpt:nitro", Sort::price}}) {
        std::string_view name = row.name;
        EXPECT_EQ(policy::cut_suffix(name), row.sort) << row.name;
        EXPECT_EQ(name, row.rest);
    }
}

TEST(Wishes, names_of_providers)
{
    const Named eu{"azure-eu", "azure"};
    Wishes none, only, not_it;
    EXPECT_TRUE(policy::wants(none, eu));
    for (std::string wish : {"azure-eu", "Azure", "AZURE-EU", "azure/westeurope"}) {
        only.only = not_it.ignore = {"x", wish};
        EXPECT_TRUE(policy::wants(only, eu)) << wish;
        EXPECT_FALSE(policy::wants(not_it, eu)) << wish;
    }
    for (std::string wish : {"azure-us", "azur", "", "x/azure"}) {
        only.only = not_it.ignore = {wish};
        EXPECT_FALSE(policy::wants(only, eu)) << wish;
        EXPECT_TRUE(policy::wants(not_it, eu)) << wish;
    }
    only.only = only.ignore = {"azure"};
    EXPECT_FALSE(policy::wants(only, eu)) << "what is to be ignored is";

    // A vendor with targets of its own has a choice left where the body names others.
    const Named vendor{"or", "openrouter", true};
    only.only = {"azure"};
    only.ignore = {"openrouter"};
    EXPECT_TRUE(policy::wants(only, vendor));
    only.by_header = true;
    EXPECT_FALSE(policy::wants(only, vendor));

    Wishes order;
    order.order = {"openai", "azure-eu"};
    EXPECT_EQ(policy::place_in_order(order, eu), 1U);
    EXPECT_EQ(policy::place_in_order(order, {"x", "openai"}), 0U);
    EXPECT_EQ(policy::place_in_order(order, {"x", "y"}), 2U);
}

TEST(Wishes, tags)
{
    using Tags = std::vector<std::string_view>;
    const Tags free{"free", "eu"}, standard{"default", "us"}, untagged;
    Wishes w;
    EXPECT_FALSE(policy::fits_tags(w, free, false));
    EXPECT_TRUE(policy::fits_tags(w, standard, false));
    EXPECT_TRUE(policy::fits_tags(w, untagged, false));
    w.tags = {"x", "eu"};
    EXPECT_TRUE(policy::matches_tags(w, free));
    EXPECT_FALSE(policy::matches_tags(w, standard));
    EXPECT_FALSE(policy::matches_tags(w, untagged));
    EXPECT_TRUE(policy::fits_tags(w, free, true));
    EXPECT_FALSE(policy::fits_tags(w, standard, true));
    EXPECT_FALSE(policy::fits_tags(w, untagged, true));
}

}  // namespace llm::test
