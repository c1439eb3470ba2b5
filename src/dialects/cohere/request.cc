// Parameters and output format of a request (wire format: cohere, section 2).
// Members always come in the same order and the conversation last, so that a
// prompt that grows keeps its prefix.
#include <array>

#include "base/text.hpp"
#include "dialects/cohere/cohere.hpp"

namespace llm::cohere {

namespace {

using namespace chat;
using json::Value;
using json::Writer;

constexpr std::array kNoWordFor = {
    Param::n,
    Param::logprobs,
    Param::top_logprobs,
    Param::logit_bias,
    Param::parallel_tool_calls,
    Param::verbosity,
    Param::modalities,
    Param::audio,
    Param::prediction,
    Param::web_search_options,
    Param::store,
    Param::metadata,
    Param::service_tier,
    Param::user,
    Param::safety_identifier,
    Param::prompt_cache_key,
    Param::prompt_cache_options,
    Param::prompt_cache_retention,
    Param::cache_control,
    Param::moderation,
    Param::functions,
    Param::function_call,
};

// Cohere's own members, for clients that write them for it.
constexpr std::array<std::string_view, 4> kOwn = {"documents", "citation_options", "safety_mode", "priority"};

constexpr size_t kMaxStops = 5;

struct Effort {
    std::string_view name;
    uint64_t budget;  // tokens of thought
};
constexpr std::array kEfforts = {
    Effort{"minimal", 512}, Effort{"low", 1024},    Effort{"medium", 4096},
    Effort{"high", 16384},  Effort{"xhigh", 24576}, Effort{"max", 31000},
};

class RequestWriter {
public:
    explicit RequestWriter(Encoder& e) : e_(e), r_(e.request), w_(e.w) {}

    bool write()
    {
        if (!e_.leave_out(kNoWordFor) || !leave_out_unknown()) return false;
        auto body = w_.object();
        w_.string_member("model", e_.options.model);
        if (r_.stream) w_.key("stream").boolean(true);
        if (const Value* max = max_tokens()) w_.member("max_tokens", *max);
        if (!write_stop() || !write_sampling() || !write_thinking() || !write_format()) return false;
        for (const Value* v : r_.unknown) {
            if (is_own(*v)) w_.member(v->key(), *v);
        }
        return write_tools(e_) && write_messages(e_);
    }

private:
    static bool is_own(const Value& v) noexcept
    {
        for (std::string_view name : kOwn) {
            if (v.key() == name) return true;
        }
        return false;
    }

    bool leave_out_unknown()
    {
        for (const Value* v : r_.unknown) {
            if (!v->is_null() && !is_own(*v) && !e_.drop(v->key())) return false;
        }
        return true;
    }

    const Value* max_tokens() const noexcept
    {
        const Value* newer = r_.param(Param::max_completion_tokens);
        return newer ? newer : r_.param(Param::max_tokens);
    }

    bool write_stop()
    {
        const Value* stop = r_.param(Param::stop);
        if (!stop || (stop->is_array() && stop->size() == 0)) return true;
        if (stop->is_array() && stop->size() > kMaxStops) return e_.refuse("stop", "it takes 5 at most");
        if (stop->is_array()) {
            w_.member("stop_sequences", *stop);
            return true;
        }
        auto list = w_.array("stop_sequences");
        w_.value(*stop);
        return true;
    }

    bool write_sampling()
    {
        if (const Value* v = r_.param(Param::temperature)) w_.member("temperature", *v);
        if (const Value* v = r_.param(Param::top_p)) {
            // All of the distribution is what is taken without it.
            constexpr double kLeast = 0.01, kMost = 0.99;
            double p = v->to_double();
            if (p < 1) w_.raw_member("p", p < kLeast ? "0.01" : p > kMost ? "0.99" : v->raw());
        }
        if (const Value* v = r_.param(Param::top_k)) w_.member("k", *v);
        if (!write_penalty(Param::frequency_penalty, "frequency_penalty")) return false;
        if (!write_penalty(Param::presence_penalty, "presence_penalty")) return false;
        if (const Value* v = r_.param(Param::seed)) w_.member("seed", *v);
        return true;
    }

    // From 0 to 1, not from -2 to 2.
    bool write_penalty(Param p, std::string_view name)
    {
        const Value* v = r_.param(p);
        if (!v) return true;
        double penalty = v->to_double();
        bool too_much = penalty < 0 || penalty > 1;
        if (too_much && !e_.drop(v->key())) return false;
        w_.raw_member(name, penalty < 0 ? "0" : penalty > 1 ? "1" : v->raw());
        return true;
    }

    bool write_thinking()
    {
        const Value* raw = r_.param(Param::thinking);
        const Value* effort = r_.param(Param::reasoning_effort);
        if (raw && e_.thinks) return write_raw_thinking(*raw) && (!effort || e_.drop(effort->key()));
        if (raw && !e_.drop(raw->key())) return false;
        if (!effort) return true;
        if (effort->is("none")) {
            if (e_.thinks) w_.raw_member("thinking", R"({"type":"disabled"})");
            return true;
        }
        for (const Effort& known : kEfforts) {
            if (!e_.thinks || !effort->is(known.name)) continue;
            auto thinking = w_.object("thinking");
            w_.string_member("type", "enabled");
            w_.member("token_budget", known.budget);
            return true;
        }
        return e_.drop(effort->key());
    }

    // In Anthropic's words, as clients of such gateways have it, or Cohere's own.
    bool write_raw_thinking(const Value& raw)
    {
        auto thinking = w_.object("thinking");
        const Value* type = raw.get("type");
        bool off = type && type->is("disabled");
        w_.string_member("type", off ? "disabled" : "enabled");
        const Value* budget = raw.get("budget_tokens");
        if (!budget) budget = raw.get("token_budget");
        if (budget && !off) w_.member("token_budget", *budget);
        return true;
    }

    bool write_format()
    {
        const OutputFormat& f = r_.output;
        if (f.kind == OutputFormat::Kind::text) {
            const Value* type = f.source ? f.source->find("type") : nullptr;
            return !type || type->is("text") || e_.refuse("response_format", "the type is unknown");
        }
        if (!r_.tools.empty()) return e_.refuse("response_format", "it cannot go together with tools");
        auto format = w_.object("response_format");
        w_.string_member("type", "json_object");
        if (f.schema) w_.member("json_schema", *f.schema);
        return true;
    }

    Encoder& e_;
    const Request& r_;
    Writer& w_;
};

}  // namespace

bool encode(const Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
            ApiError& error)
{
    Encoder e({request, options, out, error}, text::icontains(options.model, "reasoning"));
    out.hints.model = options.model;
    return RequestWriter(e).write();
}

}  // namespace llm::cohere
