#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "chat/request.hpp"
#include "chat/upstream_error.hpp"
#include "json/splice.hpp"

// How a vendor departs from the format that it otherwise speaks: data of its row
// (providers/), carried out by the dialect. What is not said here is as OpenAI
// has it.
namespace llm::dialects {

class ParamSet {
public:
    constexpr ParamSet() noexcept = default;
    constexpr ParamSet(std::initializer_list<chat::Param> params) noexcept
    {
        for (chat::Param p : params) bits_ |= bit(p);
    }
    constexpr bool has(chat::Param p) const noexcept { return (bits_ & bit(p)) != 0; }
    constexpr ParamSet with(ParamSet more) const noexcept { return ParamSet(bits_ | more.bits_); }
    constexpr ParamSet without(ParamSet less) const noexcept { return ParamSet(bits_ & ~less.bits_); }

private:
    explicit constexpr ParamSet(uint64_t bits) noexcept : bits_(bits) {}
    static constexpr uint64_t bit(chat::Param p) noexcept { return uint64_t{1} << static_cast<unsigned>(p); }

    uint64_t bits_ = 0;
};
static_assert(chat::kParams <= 64);

// A request's member under the vendor's own name.
struct Rename {
    chat::Param from;
    std::string_view to;
};

// What becomes of a choice of tools. A choice without a word is refused.
struct ToolQuirks {
    bool taken = true;                       // there are tools at all
    bool none = true;                        // tool_choice "none"
    std::string_view required = "required";  // the word for it; empty: none
    enum class Named : uint8_t { object, filter, refused };
    Named named = Named::object;  // filter: as the only tool, one of which is required
    bool strict = true;           // tools[].function.strict
    bool short_ids = false;       // ids of calls: nine letters and digits
};

// Which response_format is taken. For `json_object` a schema of any object can
// stand; `text` is what there is without one.
struct FormatQuirks {
    bool text = true;
    bool json_object = true;
    bool json_schema = true;
};

// Images as the vendor takes them: by URL and in data URLs, or only the latter.
enum class Images : uint8_t { any, data_only, none };

struct RequestQuirks {
    std::span<const Rename> renames = {};
    ParamSet drops = {};                                   // by the rule of Encoding::leave_out
    std::span<const std::string_view> message_drops = {};  // members of messages
    bool developer = true;                                 // role "developer"; else "system"
    bool cache_control = true;                             // on parts and tools; else it goes
    bool stream_options = true;
    bool null_content = true;                // of an assistant that calls tools; else ""
    bool reasoning_only_with_calls = false;  // reasoning_content of other turns goes
    bool routes = false;                     // it follows clients' `provider` itself
    uint8_t max_stop = 0;                    // texts in `stop`; 0: any number
    ToolQuirks tools = {};
    FormatQuirks format = {};
    Images images = Images::any;
};

// Whether a total may leave out a part of it. Where it may, the sum of all tells,
// or that the part does not fit in.
enum class Apart : uint8_t { no, told };

struct UsageQuirks {
    Apart reasoning = Apart::told;  // of completion_tokens
    Apart cached = Apart::no;       // of prompt_tokens
};

// What is put right in answers that otherwise go to the client as they came.
// Answers that are rewritten need none of it.
struct AnswerQuirks {
    bool calls = false;          // index and type of calls, empty ids and names, a call that stands alone
    bool arguments = false;      // of calls: an object instead of its text
    bool content_parts = false;  // a list of texts and thoughts
    bool reasoning = false;      // under the name `reasoning`
    bool finish = false;         // none, other words, or "stop" behind calls
    bool role = false;           // the first delta has none
    bool object = false;         // none, or another word
    bool usage = false;          // inside a choice, in x_groq, or by another algebra
    bool empty_chunks = false;   // without id, delta and usage: withheld

    bool operator==(const AnswerQuirks&) const noexcept = default;
    bool any() const noexcept { return *this != AnswerQuirks{}; }
};

struct Quirks {
    RequestQuirks request = {};
    AnswerQuirks answer = {};
    UsageQuirks usage = {};
    bool base_resp = false;                     // errors with status 200 in `base_resp`
    std::span<const chat::CodeRow> codes = {};  // the vendor's own codes of errors
};

inline constexpr Quirks kNoQuirks{};

// What has to change in one event or one whole answer.
struct Mends {
    json::Splice splice;
    bool withheld = false;  // the client does not get the event

    void reset(std::string_view text) noexcept
    {
        splice.reset(text);
        withheld = false;
    }
};

}  // namespace llm::dialects
