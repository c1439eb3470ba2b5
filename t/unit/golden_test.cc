// Golden cases: t/golden/<provider>/<case>/, described in CONTRIBUTING.md.
// Every stream is fed whole, byte by byte and in pieces of 2..31 bytes.
#include <gtest/gtest.h>

#include <cstdlib>

#include "client/completions/completions.hpp"
#include "exchange.hpp"
#include "files.hpp"
#include "json/document.hpp"
#include "providers/provider.hpp"

namespace llm::test {

namespace {

constexpr size_t kMaxPiece = 31;

class Golden : public testing::TestWithParam<fs::path> {
protected:
    // Compares with the expected file, or rewrites it (make golden).
    void expect_file(const std::string& name, const std::string& actual)
    {
        fs::path path = GetParam() / name;
        if (std::getenv("GOLDEN_UPDATE")) return write_file(path, actual);
        EXPECT_TRUE(fs::exists(path)) << path << " is missing: run `make golden` and review it";
        EXPECT_EQ(read_file(path), actual) << path;
    }

    // A case is refused or sent, never both: the other's file has no place.
    void expect_no_file(const std::string& name)
    {
        if (std::getenv("GOLDEN_UPDATE")) fs::remove(GetParam() / name);
        EXPECT_FALSE(has(name)) << GetParam() / name << " is of another outcome";
    }

    bool has(const std::string& name) const { return fs::exists(GetParam() / name); }
    std::string load(const std::string& name) const { return read_file(GetParam() / name); }

    void read_case()
    {
        std::string provider = GetParam().parent_path().filename();
        const providers::Provider* row = providers::find(provider);
        ASSERT_NE(row, nullptr) << "no provider row called " << provider;
        endpoint_ = &row->chat;
        x_.dialect = row->chat.dialect;
        x_.quirks = row->chat.quirks;
        if (!has("case.json")) return;
        case_text_ = load("case.json");
        ASSERT_TRUE(case_.parse(case_text_, json::Mode::strict).ok());
        if (const json::Value* v = case_.root().get("model")) x_.target_model = v->text();
        if (const json::Value* v = case_.root().get("reject")) x_.reject_unsupported = v->is_true();
        if (const json::Value* v = case_.root().get("rename_model")) x_.rename_model = v->is_true();
        if (const json::Value* v = case_.root().get("status")) status_ = static_cast<int>(*v->to_uint());
    }

    std::string told(const chat::ApiError& e)
    {
        return std::to_string(e.status()) + ' ' + completions::error_body(e) + '\n';
    }

    void check_request()
    {
        if (!x_.encode(load("request.json"))) {
            expect_no_file("upstream.json");
            expect_file("refused.json", told(x_.error));
            return;
        }
        expect_no_file("refused.json");
        expect_file("upstream.json", x_.upstream);
        if (!x_.encoded.dropped.names().empty() || has("dropped.txt")) {
            expect_file("dropped.txt", x_.encoded.dropped.names() + '\n');
        }
        // What was written is JSON, and writing it again gives the same bytes.
        json::Document doc;
        EXPECT_TRUE(doc.parse(x_.upstream, json::Mode::strict).ok()) << doc.where();
    }

    void check_answer()
    {
        std::string body = load("upstream_response.json");
        Rope out;
        relay::Seen seen;
        bool ok = relay::relay_answer(body, x_.relay_options(), out, seen);
        expect_file("response.json", ok ? out.str() : told(seen.error));
    }

    void check_error()
    {
        chat::ApiError e = providers::decode_error(*endpoint_, status_, load("upstream_error.json"));
        expect_file("error.json", told(e));
    }

    void check_stream()
    {
        std::string stream = load("upstream_stream.sse");
        relay::Seen seen;
        std::string whole = stream_in_pieces(x_.relay_options(), stream, 0, seen);
        expect_file("response.sse", whole);
        for (size_t size = 1; size <= kMaxPiece; size++) {
            ASSERT_EQ(stream_in_pieces(x_.relay_options(), stream, size, seen), whole) << "in pieces of " << size;
        }
        check_trace(stream, whole);
    }

    // What is told of the request's way is the last but one event, and changes no
    // other.
    void check_trace(const std::string& stream, const std::string& whole)
    {
        struct Said final : relay::Tracer {
            std::string trace() const override { return "[1]"; }
        } tracer;
        relay::Options options = x_.relay_options();
        options.tracer = &tracer;
        relay::Seen seen;
        std::string traced = stream_in_pieces(options, stream, 7, seen);
        size_t at = traced.find("\"choices\":[],\"llm_trace\":[1]");
        ASSERT_NE(at, traced.npos) << traced;
        size_t begin = traced.rfind("data: ", at);
        size_t end = traced.find("\n\n", at) + 2;
        EXPECT_EQ(traced.find("\n\n", end), traced.size() - 2) << "one event is left";
        EXPECT_EQ(traced.erase(begin, end - begin), whole);
    }

    Exchange x_;
    const providers::Endpoint* endpoint_ = nullptr;
    int status_ = 0;
    std::string case_text_;
    json::Document case_;
};

TEST_P(Golden, Case)
{
    read_case();
    if (HasFatalFailure()) return;
    check_request();
    if (has("upstream_response.json")) check_answer();
    if (has("upstream_error.json")) check_error();
    if (has("upstream_stream.sse")) check_stream();
}

std::string case_name(const testing::TestParamInfo<fs::path>& info)
{
    std::string name = info.param.parent_path().filename().string() + '_' + info.param.filename().string();
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Folder, Golden, testing::ValuesIn(folders_with("t/golden", "request.json")), case_name);

}  // namespace

}  // namespace llm::test
