#pragma once

#include <span>
#include <string>
#include <string_view>

#include "dialects/dialect.hpp"

namespace llm::dialects {

// One call of an encode(): what it reads, what it writes, and the one rule for
// fields that the target cannot carry. Fields that change what the answer is
// are refused; advisory ones are dropped and named in `x-llm-dropped`, or
// refused too when the operator wants that.
struct BodyEncoding {
    const chat::RequestBody& body;
    const EncodeOptions& options;
    EncodedRequest& out;
    chat::ApiError& error;

    BodyEncoding(const chat::RequestBody& b, const EncodeOptions& o, EncodedRequest& to, chat::ApiError& e) noexcept
        : body(b), options(o), out(to), error(e)
    {
    }

    // Sets the error "'param' is not supported ..." and returns false.
    bool refuse(std::string_view param, std::string_view why = {});

    // An advisory field: false only when the operator wants it refused.
    bool drop(std::string_view field);

    // Members no table knows.
    bool leave_out_unknown();
};

// The name of a tool that stands for `response_format` where there is no other way
// to ask for it. A client's tool may have the usual one already.
std::string json_tool_name(const chat::Request& request);

// Of a request for a chat.
struct Encoding : BodyEncoding {
    Encoding(const chat::Request& r, const EncodeOptions& o, EncodedRequest& to, chat::ApiError& e) noexcept
        : BodyEncoding(r, o, to, e), request(r)
    {
    }

    // Params this dialect has no word for, each by the rule above. One that
    // asks for nothing (n = 1, a penalty of 0) is simply left out.
    bool leave_out(std::span<const chat::Param> params);
    bool leave_out(chat::Param param);

    const chat::Request& request;
};

}  // namespace llm::dialects
