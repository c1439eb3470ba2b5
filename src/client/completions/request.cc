// The body of a chat completions request (wire format: openai-chat, section 2).
#include <array>
#include <vector>

#include "client/completions/completions.hpp"
#include "client/completions/reader.hpp"

namespace llm::completions {

namespace {

using namespace chat;
using namespace client;

struct Field {
    std::string_view name;
    Param param;
    TypeMask types;
};

// Members that are single values. null is accepted for all of them and means
// that the member is absent (wire format: "Request fields").
constexpr std::array kFields = {
    Field{"temperature", Param::temperature, kNumber},
    Field{"top_p", Param::top_p, kNumber},
    Field{"top_k", Param::top_k, kNumber},
    Field{"max_tokens", Param::max_tokens, kNumber},
    Field{"max_completion_tokens", Param::max_completion_tokens, kNumber},
    Field{"n", Param::n, kNumber},
    Field{"stop", Param::stop, kString | kArray},
    Field{"presence_penalty", Param::presence_penalty, kNumber},
    Field{"frequency_penalty", Param::frequency_penalty, kNumber},
    Field{"logit_bias", Param::logit_bias, kObject},
    Field{"logprobs", Param::logprobs, kBool | kNumber},
    Field{"top_logprobs", Param::top_logprobs, kNumber},
    Field{"seed", Param::seed, kNumber},
    Field{"parallel_tool_calls", Param::parallel_tool_calls, kBool},
    Field{"reasoning_effort", Param::reasoning_effort, kString},
    Field{"thinking", Param::thinking, kObject},
    Field{"verbosity", Param::verbosity, kString},
    Field{"modalities", Param::modalities, kArray},
    Field{"audio", Param::audio, kObject},
    Field{"prediction", Param::prediction, kObject},
    Field{"web_search_options", Param::web_search_options, kObject},
    Field{"store", Param::store, kBool},
    Field{"metadata", Param::metadata, kObject},
    Field{"service_tier", Param::service_tier, kString},
    Field{"user", Param::user, kString},
    Field{"safety_identifier", Param::safety_identifier, kString},
    Field{"prompt_cache_key", Param::prompt_cache_key, kString},
    Field{"prompt_cache_options", Param::prompt_cache_options, kObject},
    Field{"prompt_cache_retention", Param::prompt_cache_retention, kString},
    Field{"cache_control", Param::cache_control, kObject},
    Field{"moderation", Param::moderation, kObject},
    Field{"stream_options", Param::stream_options, kObject},
    Field{"functions", Param::functions, kArray},
    Field{"function_call", Param::function_call, kString | kObject},
};
static_assert(kFields.size() == kParams);

class Reader {
public:
    Reader(const RequestLimits& limits, Request& out, ApiError& error) : limits_(limits), c_(out, error) {}

    bool read(std::string_view body)
    {
        if (!c_.parse(body, limits_.json)) return false;
        for (const Value& member : c_.request.document.root()) {
            if (!read_member(member)) return false;
        }
        if (!c_.request.model) return c_.missing("model");
        if (c_.request.messages.empty()) return c_.missing("messages");
        c_.request.unknown = c_.copy(std::span<const Value* const>(unknown_));
        return true;
    }

private:
    bool read_member(const Value& v)
    {
        if (v.key_is("model")) return v.is_null() || c_.read_model(v);
        if (v.key_is("messages")) return v.is_null() || read_messages(c_, v);
        if (v.key_is("stream")) {
            if (v.is_null()) return true;
            c_.request.stream = v.is_true();
            return c_.check(v, kBool, {}, "stream");
        }
        if (v.key_is("tools")) return v.is_null() || read_tools(c_, v, limits_.tools);
        if (v.key_is("tool_choice")) return v.is_null() || read_tool_choice(c_, v, limits_.tools);
        if (v.key_is("response_format")) return v.is_null() || read_response_format(c_, v);

        for (const Field& field : kFields) {
            if (!v.key_is(field.name)) continue;
            if (v.is_null()) return true;
            c_.request.params[static_cast<size_t>(field.param)] = &v;
            if (!c_.check(v, field.types, {}, field.name)) return false;
            return field.param != Param::stream_options || read_stream_options(v);
        }
        unknown_.push_back(&v);
        return true;
    }

    bool read_stream_options(const Value& v)
    {
        const Value* usage = nullptr;
        if (!c_.take(v, "include_usage", kBool, {}, "stream_options.include_usage", usage)) return false;
        c_.request.include_usage = usage && usage->is_true();
        return true;
    }

    const RequestLimits& limits_;
    Checker c_;
    std::vector<const Value*> unknown_;
};

}  // namespace

bool read_request(std::string_view body, const RequestLimits& limits, Request& out, ApiError& error)
{
    return Reader(limits, out, error).read(body);
}

}  // namespace llm::completions
