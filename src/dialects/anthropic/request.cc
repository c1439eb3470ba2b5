// Parameters, tools and output format of a request (wire format: anthropic,
// sections 2, 5, 6, 7 and 10). Members always come in the same order and the
// conversation last, so that a prompt that grows keeps its prefix.
#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"
#include "dialects/anthropic/tools.hpp"

namespace llm::anthropic {

namespace {

using namespace chat;
using json::Writer;
using Mode = ToolChoice::Mode;

constexpr std::array kNoWordFor = {
    Param::n,          Param::logprobs,         Param::top_logprobs,         Param::modalities,
    Param::audio,      Param::functions,        Param::function_call,        Param::web_search_options,
    Param::moderation, Param::presence_penalty, Param::frequency_penalty,    Param::logit_bias,
    Param::seed,       Param::verbosity,        Param::prediction,           Param::store,
    Param::metadata,   Param::prompt_cache_key, Param::prompt_cache_options, Param::prompt_cache_retention,
};

constexpr uint64_t kMinBudget = 1024;
constexpr std::string_view kVertexVersion = "vertex-2023-10-16";

struct Effort {
    std::string_view name;   // reasoning_effort
    std::string_view level;  // output_config.effort
    uint64_t budget;         // thinking.budget_tokens of models without levels
};
constexpr std::array kEfforts = {
    Effort{"minimal", "low", 1024}, Effort{"low", "low", 1024},     Effort{"medium", "medium", 2048},
    Effort{"high", "high", 4096},   Effort{"xhigh", "xhigh", 8192}, Effort{"max", "max", 16384},
};

class RequestWriter {
public:
    explicit RequestWriter(Encoder& e) : e_(e), r_(e.request), w_(e.w), allowed_(e.request) {}

    bool write()
    {
        take_raw_thinking();
        if (!plan_output() || !plan_choice() || !plan_thinking()) return false;
        if (!e_.leave_out(kNoWordFor) || !e_.leave_out_unknown()) return false;

        auto body = w_.object();
        if (e_.vertex) {
            w_.string_member("anthropic_version", kVertexVersion);
        } else {
            w_.string_member("model", e_.options.model);
        }
        write_max_tokens();
        if (r_.stream) w_.key("stream").boolean(true);
        if (!write_stop() || !write_sampling()) return false;
        write_thinking();
        write_output_config();
        if (!write_metadata() || !write_service_tier()) return false;
        if (const Value* cache = r_.param(Param::cache_control)) w_.member("cache_control", *cache);
        if (!write_tools()) return false;
        return write_conversation(e_, output_ == Output::instruction);
    }

private:
    enum class Output { text, instruction, native, tool };
    enum class Thinking { off, raw, disabled, adaptive, budget };

    // The client's own `thinking` goes as it is.
    void take_raw_thinking()
    {
        const Value* thinking = r_.param(Param::thinking);
        if (!thinking) return;
        const Value* type = thinking->find("type");
        thinking_ = Thinking::raw;
        thinking_on_ = !type || !type->is("disabled");
    }

    // How response_format is asked for.
    bool plan_output()
    {
        const OutputFormat& f = r_.output;
        if (f.kind == OutputFormat::Kind::text) {
            const Value* type = f.source ? f.source->find("type") : nullptr;
            if (!type || type->is("text")) return true;
            return e_.refuse("response_format", "the type is unknown");
        }
        if (f.kind == OutputFormat::Kind::json_object || !f.schema) {
            output_ = Output::instruction;
            return true;
        }
        // A call that is forced anyway is the answer; there is no text to format.
        bool call_forced = !r_.tools.empty() && !thinking_on_ &&
                           (r_.tool_choice.mode == Mode::required || r_.tool_choice.mode == Mode::named);
        if (e_.rules.json_schema && fits_output_format(*f.schema)) {
            output_ = Output::native;
        } else if (e_.rules.forced_tool && !call_forced && !thinking_on_) {
            if (!fits_input_schema(*f.schema))
                return e_.refuse("response_format", "the schema is not one of an object");
            output_ = Output::tool;
            e_.out.hints.json_tool = dialects::json_tool_name(r_);
        } else if (!call_forced) {
            return e_.refuse("response_format", "neither a JSON schema nor a forced tool is possible");
        }
        return true;
    }

    bool plan_choice()
    {
        Mode wanted = r_.tool_choice.mode;
        bool forced = wanted == Mode::required || wanted == Mode::named;
        if (forced && r_.tools.empty()) return e_.refuse("tool_choice", "there are no tools to call");
        if (forced && allowed_.none()) return e_.refuse("tool_choice", "none of the tools is allowed");
        choice_ = r_.tools.empty() ? Mode::unset : allowed_.none() ? Mode::none : wanted;
        if (output_ == Output::tool) {
            bool may_call = !r_.tools.empty() && choice_ != Mode::none;
            choice_ = may_call ? Mode::required : Mode::named;
        }
        forced_ = choice_ == Mode::required || choice_ == Mode::named;
        if (forced_ && !e_.rules.forced_tool) return e_.refuse("tool_choice", "a tool call cannot be forced");
        // Only the client's own `thinking` is on by now; it excludes a forced call.
        if (!forced_ || !thinking_on_) return true;
        choice_ = Mode::automatic;
        forced_ = false;
        return e_.drop("tool_choice");
    }

    bool plan_thinking()
    {
        const Value* effort = r_.param(Param::reasoning_effort);
        if (!effort) return true;
        if (effort->is("none")) return plan_no_thinking(*effort);

        auto known =
            std::find_if(kEfforts.begin(), kEfforts.end(), [&](const Effort& e) { return effort->is(e.name); });
        bool possible = known != kEfforts.end() && e_.rules.thinking != ModelRules::Thinking::none;
        if (!possible) return e_.drop(effort->key());

        bool adaptive = e_.rules.thinking == ModelRules::Thinking::adaptive;
        if (adaptive) effort_ = known->level;
        if (thinking_ == Thinking::raw) return adaptive || e_.drop(effort->key());
        // Thinking excludes a forced call, a prefill, and an open tool turn whose
        // own thinking is lost.
        if (forced_ || lost_thinking(e_) || has_prefill(e_)) return adaptive || e_.drop(effort->key());

        thinking_ = adaptive ? Thinking::adaptive : Thinking::budget;
        if (!adaptive && !plan_budget(known->budget)) {
            thinking_ = Thinking::off;
            return e_.drop(effort->key());
        }
        thinking_on_ = true;
        return true;
    }

    bool plan_no_thinking(const Value& effort)
    {
        if (thinking_ == Thinking::raw) return !thinking_on_ || e_.drop(effort.key());
        if (e_.rules.thinking != ModelRules::Thinking::adaptive) return true;
        if (!e_.rules.thinking_off) return e_.drop(effort.key());
        thinking_ = Thinking::disabled;
        return true;
    }

    // The budget comes on top of what the client wants to read. Where the
    // model's limit is in the way, half of it is for reading.
    bool plan_budget(uint64_t budget)
    {
        uint64_t limit = e_.rules.max_output;
        uint64_t answer = limit;
        if (const Value* wanted = max_tokens()) {
            std::optional<uint64_t> n = wanted->to_uint();
            if (!n) return false;
            answer = std::min(*n, limit);
            limit = std::min(answer + budget, limit);
        }
        budget_ = std::min(budget, limit - std::min(answer, limit / 2));
        max_with_budget_ = limit;
        return budget_ >= kMinBudget && budget_ < limit;
    }

    const Value* max_tokens() const noexcept
    {
        const Value* newer = r_.param(Param::max_completion_tokens);
        return newer ? newer : r_.param(Param::max_tokens);
    }

    void write_max_tokens()
    {
        if (thinking_ == Thinking::budget) {
            w_.member("max_tokens", max_with_budget_);
        } else if (const Value* wanted = max_tokens()) {
            w_.member("max_tokens", *wanted);
        } else {
            w_.member("max_tokens", e_.rules.max_output);
        }
    }

    static bool is_blank(const Value& v)
    {
        std::string text = v.text();
        return text::trim(text).empty();
    }

    // Blank sequences are refused by the provider.
    bool write_stop()
    {
        const Value* stop = r_.param(Param::stop);
        if (!stop) return true;
        bool any = false, blank = false;
        auto look = [&](const Value& v) { (is_blank(v) ? blank : any) = true; };
        if (stop->is_string()) {
            look(*stop);
        } else {
            for (const Value& v : *stop) look(v);
        }
        if (blank && !e_.drop(stop->key())) return false;
        if (!any) return true;
        if (stop->is_array() && !blank) {
            w_.member("stop_sequences", *stop);
            return true;
        }
        auto list = w_.array("stop_sequences");
        if (stop->is_string()) {
            w_.value(*stop);
        } else {
            for (const Value& v : *stop) {
                if (!is_blank(v)) w_.value(v);
            }
        }
        return true;
    }

    bool write_sampling()
    {
        const Value* temperature = r_.param(Param::temperature);
        const Value* top_p = r_.param(Param::top_p);
        const Value* top_k = r_.param(Param::top_k);
        bool allowed = e_.rules.sampling && !thinking_on_;
        // Both default to 1, so where a 1 is in the way nobody misses it.
        auto is_default = [](const Value* v) { return v && v->to_double() == 1; };
        bool top_p_wanted = top_p && !is_default(top_p);
        if (is_default(temperature) && (!allowed || (top_p_wanted && !e_.rules.both_samplings))) temperature = nullptr;
        bool top_p_allowed = e_.rules.sampling && (!thinking_on_ || (top_p && top_p->to_double() >= 0.95)) &&
                             (!temperature || !allowed || e_.rules.both_samplings);
        if (is_default(top_p) && !top_p_allowed) top_p = nullptr;
        if (temperature && !allowed && !e_.drop(temperature->key())) return false;
        if (temperature && allowed) {
            bool too_hot = temperature->to_double() > 1;  // their range ends at 1, not at 2
            if (too_hot && !e_.drop(temperature->key())) return false;
            w_.raw_member("temperature", too_hot ? "1" : temperature->raw());
        }
        if (top_p && !top_p_allowed && !e_.drop(top_p->key())) return false;
        if (top_p && top_p_allowed) w_.member("top_p", *top_p);
        if (top_k && !allowed && !e_.drop(top_k->key())) return false;
        if (top_k && allowed) w_.member("top_k", *top_k);
        return true;
    }

    void write_thinking()
    {
        switch (thinking_) {
            case Thinking::off:
                return;
            case Thinking::raw:
                return w_.member("thinking", *r_.param(Param::thinking));
            case Thinking::disabled:
                return w_.raw_member("thinking", R"({"type":"disabled"})");
            case Thinking::adaptive:
                return w_.raw_member("thinking", R"({"type":"adaptive"})");
            case Thinking::budget:
                break;
        }
        auto object = w_.object("thinking");
        w_.string_member("type", "enabled");
        w_.member("budget_tokens", budget_);
    }

    void write_output_config()
    {
        if (effort_.empty() && output_ != Output::native) return;
        auto config = w_.object("output_config");
        if (!effort_.empty()) w_.string_member("effort", effort_);
        if (output_ != Output::native) return;
        auto format = w_.object("format");
        w_.string_member("type", "json_schema");
        write_output_schema(w_.key("schema"), *r_.output.schema);
    }

    bool write_metadata()
    {
        const Value* id = r_.param(Param::safety_identifier);
        if (!id) id = r_.param(Param::user);
        if (!id) return true;
        auto metadata = w_.object("metadata");
        w_.member("user_id", *id);
        return true;
    }

    bool write_service_tier()
    {
        const Value* tier = r_.param(Param::service_tier);
        if (!tier) return true;
        if (tier->is("auto")) {
            w_.string_member("service_tier", "auto");
        } else if (tier->is("default")) {
            w_.string_member("service_tier", "standard_only");
        } else {
            return e_.drop(tier->key());
        }
        return true;
    }

    bool write_tools()
    {
        const Value* parallel = r_.param(Param::parallel_tool_calls);
        bool one_call = parallel && !parallel->is_true();
        bool emulated = output_ == Output::tool;
        if (r_.tools.empty() && !emulated) return true;

        write_choice(one_call || (emulated && choice_ == Mode::named));
        auto list = w_.array("tools");
        for (size_t i = 0; i < r_.tools.size(); i++) {
            if (allowed_.has(r_.tools[i]) && !write_tool(e_, r_.tools[i], i)) return false;
        }
        if (emulated) {
            auto tool = w_.object();
            w_.string_member("name", e_.out.hints.json_tool);
            w_.key("description").begin_string();
            w_.part("Give the answer in this form.");
            if (const Value* more = r_.output.description) {
                w_.part(" ");
                w_.escaped_part(more->body());
            }
            w_.end_string();
            write_input_schema(w_, r_.output.schema);
        }
        return true;
    }

    void write_choice(bool one_call)
    {
        Mode mode = choice_ == Mode::unset && one_call ? Mode::automatic : choice_;
        if (mode == Mode::unset) return;
        auto choice = w_.object("tool_choice");
        switch (mode) {
            case Mode::none:
                w_.string_member("type", "none");
                return;
            case Mode::required:
                w_.string_member("type", "any");
                break;
            case Mode::named:
                w_.string_member("type", "tool");
                if (output_ == Output::tool) {
                    w_.string_member("name", e_.out.hints.json_tool);
                } else {
                    w_.member("name", *r_.tool_choice.name);
                }
                break;
            default:
                w_.string_member("type", "auto");
                break;
        }
        if (one_call) w_.key("disable_parallel_tool_use").boolean(true);
    }

    Encoder& e_;
    const Request& r_;
    Writer& w_;
    const dialects::AllowedTools allowed_;
    Output output_ = Output::text;
    Mode choice_ = Mode::unset;
    bool forced_ = false;
    Thinking thinking_ = Thinking::off;
    bool thinking_on_ = false;
    std::string_view effort_;
    uint64_t budget_ = 0;
    uint64_t max_with_budget_ = 0;
};

}  // namespace

bool encode(const Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
            ApiError& error)
{
    Encoder e({request, options, out, error}, rules_for(options.model), false);
    return RequestWriter(e).write();
}

bool encode_vertex(const Request& request, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
                   ApiError& error)
{
    Encoder e({request, options, out, error}, rules_for(options.model), true);
    return RequestWriter(e).write();
}

}  // namespace llm::anthropic
