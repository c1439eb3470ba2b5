// Parameters, tools and output format of a request (wire format: gemini, sections
// 2, 5, 6, 7 and 10). Members always come in the same order and the conversation
// last, so that a prompt that grows keeps its prefix.
#include <algorithm>
#include <array>

#include "dialects/gemini/tools.hpp"

namespace llm::gemini {

namespace {

using namespace chat;
using json::Writer;
using Mode = ToolChoice::Mode;

constexpr std::array kNoWordFor = {
    Param::logit_bias,
    Param::verbosity,
    Param::audio,
    Param::prediction,
    Param::web_search_options,
    Param::store,
    Param::metadata,
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

constexpr size_t kMaxStops = 5;

struct Effort {
    std::string_view name;   // reasoning_effort
    std::string_view level;  // thinkingLevel
    uint32_t budget;         // thinkingBudget of models without levels
};
constexpr std::array kEfforts = {
    Effort{"minimal", "MINIMAL", 512}, Effort{"low", "LOW", 1024},     Effort{"medium", "MEDIUM", 8192},
    Effort{"high", "HIGH", 24576},     Effort{"xhigh", "HIGH", 32768}, Effort{"max", "HIGH", 32768},
};

// Members of generationConfig that are the client's numbers.
struct NumberRow {
    Param param;
    std::string_view name;
};
constexpr std::array kNumbers = {
    NumberRow{Param::temperature, "temperature"},
    NumberRow{Param::top_p, "topP"},
    NumberRow{Param::top_k, "topK"},
};
constexpr std::array kPenalties = {
    NumberRow{Param::presence_penalty, "presencePenalty"},
    NumberRow{Param::frequency_penalty, "frequencyPenalty"},
};

class RequestWriter {
public:
    explicit RequestWriter(Encoder& e) : e_(e), r_(e.request), w_(e.w), allowed_(e.request) {}

    bool write()
    {
        if (!take_unknown() || !plan_modalities() || !plan_output() || !plan_choice() || !plan_thinking()) return false;
        if (!e_.leave_out(kNoWordFor)) return false;

        auto body = w_.object();
        bool json_only = output_ == Output::instruction;
        if (!write_system(e_, json_only)) return false;
        if (!write_tools() || !write_config() || !write_safety_settings()) return false;
        if (extra_.cached_content) w_.member("cachedContent", *extra_.cached_content);
        return write_service_tier() && write_contents(e_, json_only);
    }

private:
    enum class Output { text, instruction, json, schema, tool };
    enum class Thinking { off, raw, budget, level };

    // Google's own words, beside the client format's or in `extra_body.google`,
    // where its compatible endpoint has them.
    struct Extra {
        const Value* safety_settings = nullptr;
        const Value* cached_content = nullptr;
        const Value* thinking_config = nullptr;
        const Value* generation_config = nullptr;
    };

    bool take_unknown()
    {
        for (const Value* v : r_.unknown) {
            if (v->is_null()) continue;
            const Value* google = v->key_is("extra_body") ? v->get("google") : nullptr;
            if (google && google->is_object()) {
                for (const Value& m : *google) {
                    if (!take_extra(m) && !e_.drop("extra_body.google." + std::string(m.key()))) return false;
                }
            } else if (!take_extra(*v) && !e_.drop(v->key())) {
                return false;
            }
        }
        return true;
    }

    bool take_extra(const Value& v)
    {
        struct Row {
            std::string_view name, camel;
            json::Type type;
            const Value* Extra::*to;
        };
        constexpr Row kRows[] = {
            {"safety_settings", "safetySettings", json::Type::array, &Extra::safety_settings},
            {"cached_content", "cachedContent", json::Type::string, &Extra::cached_content},
            {"thinking_config", "thinkingConfig", json::Type::object, &Extra::thinking_config},
            {"generation_config", "generationConfig", json::Type::object, &Extra::generation_config},
        };
        for (const Row& row : kRows) {
            if (!v.key_is(row.name) && !v.key_is(row.camel)) continue;
            if (v.type() != row.type) return false;
            extra_.*row.to = &v;
            return true;
        }
        return false;
    }

    // Texts and images; what is spoken has another answer.
    bool plan_modalities()
    {
        const Value* list = r_.param(Param::modalities);
        if (!list) return true;
        for (const Value& one : *list) {
            if (one.is("image")) {
                images_ = true;
            } else if (one.is("text")) {
                texts_ = true;
            } else {
                return e_.refuse(list->key(), "there are text and image");
            }
        }
        return true;
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
        bool schema = f.kind == OutputFormat::Kind::json_schema && f.schema;
        if (r_.tools.empty() || e_.rules.format_with_tools) {
            output_ = schema && !is_empty_schema(f.schema) ? Output::schema : Output::json;
            return true;
        }
        // A call that is forced anyway is the answer; there is no text to format.
        if (r_.tool_choice.mode == Mode::required || r_.tool_choice.mode == Mode::named) return true;
        bool tool = schema && (e_.rules.json_schema || lists_members(*f.schema));
        output_ = tool ? Output::tool : Output::instruction;
        if (tool) e_.out.hints.json_tool = dialects::json_tool_name(r_);
        return true;
    }

    bool plan_choice()
    {
        Mode wanted = r_.tool_choice.mode;
        bool forced = wanted == Mode::required || wanted == Mode::named;
        if (forced && r_.tools.empty()) return e_.refuse("tool_choice", "there are no tools to call");
        if (forced && allowed_.none()) return e_.refuse("tool_choice", "none of the tools is allowed");
        choice_ = r_.tools.empty() ? Mode::unset : allowed_.none() ? Mode::none : wanted;
        const Value* parallel = r_.param(Param::parallel_tool_calls);
        bool one_call = parallel && !parallel->is_true() && !r_.tools.empty();
        return !one_call || e_.drop(parallel->key());
    }

    bool plan_thinking()
    {
        const Value* effort = r_.param(Param::reasoning_effort);
        if (extra_.thinking_config) {
            thinking_ = Thinking::raw;
            return !effort || e_.drop(effort->key());
        }
        if (const Value* thinking = r_.param(Param::thinking)) {
            return plan_client_thinking(*thinking) && (!effort || e_.drop(effort->key()));
        }
        if (!effort) return true;
        if (effort->is("none")) return plan_no_thinking(*effort);
        auto known =
            std::find_if(kEfforts.begin(), kEfforts.end(), [&](const Effort& e) { return effort->is(e.name); });
        if (known == kEfforts.end() || e_.rules.thinking == ModelRules::Thinking::none) return e_.drop(effort->key());
        thoughts_ = true;
        if (e_.rules.thinking == ModelRules::Thinking::budget) {
            set_budget(known->budget);
            return true;
        }
        thinking_ = Thinking::level;
        level_ = known->level;
        if (level_ == "MINIMAL" && !e_.rules.minimal) level_ = "LOW";
        if (level_ == "MEDIUM" && !e_.rules.medium) level_ = "HIGH";
        return true;
    }

    // {"type":"enabled","budget_tokens":1024} and the like, as other formats have it.
    bool plan_client_thinking(const Value& thinking)
    {
        const Value* type = thinking.find("type");
        if (type && type->is("disabled")) return plan_no_thinking(thinking);
        if (e_.rules.thinking == ModelRules::Thinking::none) return e_.drop(thinking.key());
        thoughts_ = true;
        thinking_ = Thinking::budget;
        const Value* budget = thinking.get("budget_tokens");
        std::optional<uint64_t> n = budget ? budget->to_uint() : std::nullopt;
        budget_ = "-1";  // as the model sees fit
        if (n) budget_ = std::to_string(*n);
        return true;
    }

    bool plan_no_thinking(const Value& asked)
    {
        using Kind = ModelRules::Thinking;
        if (e_.rules.thinking == Kind::none) return true;
        if (e_.rules.thinking == Kind::budget && e_.rules.thinking_off) {
            thinking_ = Thinking::budget;
            budget_ = "0";
            return true;
        }
        // It cannot be switched off: as little as there is.
        if (!e_.drop(asked.key())) return false;
        if (e_.rules.thinking == Kind::budget) {
            set_budget(0);
        } else {
            thinking_ = Thinking::level;
            level_ = e_.rules.minimal ? "MINIMAL" : "LOW";
        }
        return true;
    }

    void set_budget(uint32_t wanted)
    {
        thinking_ = Thinking::budget;
        budget_ = std::to_string(std::clamp(wanted, e_.rules.min_budget, e_.rules.max_budget));
    }

    bool write_tools()
    {
        const Value* schema = output_ == Output::tool ? r_.output.schema : nullptr;
        return ToolsWriter(e_, allowed_).write(choice_, schema);
    }

    // The member is there when it has any of its own.
    Writer& config(std::string_view name)
    {
        if (!config_open_) w_.key("generationConfig").open_object();
        config_open_ = true;
        written_.push_back(name);
        return w_.key(name);
    }

    bool write_config()
    {
        const Value* n = r_.param(Param::n);
        if (n && n->to_uint() != 1U) config("candidateCount").value(*n);
        const Value* max = r_.param(Param::max_completion_tokens);
        if (!max) max = r_.param(Param::max_tokens);
        if (max) config("maxOutputTokens").value(*max);
        if (!write_stop() || !write_numbers()) return false;
        write_format();
        write_modalities();
        write_logprobs();
        write_thinking();
        write_extra_config();
        if (config_open_) w_.close_object();
        return true;
    }

    bool write_stop()
    {
        const Value* stop = r_.param(Param::stop);
        if (!stop || stop->size() == 0) {
            if (!stop || !stop->is_string() || stop->body().empty()) return true;
            auto list = config("stopSequences").array();
            w_.value(*stop);
            return true;
        }
        if (stop->size() <= kMaxStops) {
            config("stopSequences").value(*stop);
            return true;
        }
        if (!e_.drop(stop->key())) return false;
        auto list = config("stopSequences").array();
        size_t i = 0;
        for (const Value& one : *stop) {
            if (i++ < kMaxStops) w_.value(one);
        }
        return true;
    }

    bool write_numbers()
    {
        for (const NumberRow& row : kNumbers) {
            if (const Value* v = r_.param(row.param)) config(row.name).value(*v);
        }
        for (const NumberRow& row : kPenalties) {
            const Value* v = r_.param(row.param);
            if (!v || v->to_double() == 0) continue;
            if (e_.rules.penalties) {
                config(row.name).value(*v);
            } else if (!e_.drop(v->key())) {
                return false;
            }
        }
        const Value* seed = r_.param(Param::seed);
        if (!seed) return true;
        // Theirs is a 32-bit number.
        std::optional<uint64_t> number = seed->to_uint();
        if (!number || *number > INT32_MAX) return e_.drop(seed->key());
        config("seed").value(*seed);
        return true;
    }

    void write_format()
    {
        if (output_ != Output::json && output_ != Output::schema) return;
        config("responseMimeType").string("application/json");
        if (output_ == Output::json) return;
        if (e_.rules.json_schema) {
            config("responseJsonSchema").value(*r_.output.schema);
        } else {
            write_schema(config("responseSchema"), *r_.output.schema);
        }
    }

    void write_modalities()
    {
        if (!images_) return;
        auto list = config("responseModalities").array();
        if (texts_) w_.string("TEXT");
        w_.string("IMAGE");
    }

    void write_logprobs()
    {
        const Value* wanted = r_.param(Param::logprobs);
        const Value* top = r_.param(Param::top_logprobs);
        bool any = (wanted && wanted->is_true()) || (top && top->to_double() > 0);
        if (!any) return;
        config("responseLogprobs").boolean(true);
        if (top && top->to_double() > 0) config("logprobs").value(*top);
    }

    void write_thinking()
    {
        if (thinking_ == Thinking::off) return;
        if (thinking_ == Thinking::raw) {
            config("thinkingConfig").value(*extra_.thinking_config);
            return;
        }
        auto object = config("thinkingConfig").object();
        if (thoughts_) w_.key("includeThoughts").boolean(true);
        if (thinking_ == Thinking::budget) {
            w_.raw_member("thinkingBudget", budget_);
        } else {
            w_.string_member("thinkingLevel", level_);
        }
    }

    // What this gateway has no word of its own for.
    void write_extra_config()
    {
        if (!extra_.generation_config) return;
        for (const Value& m : *extra_.generation_config) {
            bool taken =
                std::any_of(written_.begin(), written_.end(), [&](std::string_view name) { return m.key_is(name); });
            if (!taken) config(m.key()).value(m);
        }
    }

    // The operator's word counts before the client's.
    bool write_safety_settings()
    {
        if (!e_.options.safety.empty()) {
            if (extra_.safety_settings && !e_.drop("safety_settings")) return false;
            return write_safety(e_);
        }
        if (extra_.safety_settings) w_.member("safetySettings", *extra_.safety_settings);
        return true;
    }

    bool write_service_tier()
    {
        const Value* tier = r_.param(Param::service_tier);
        if (!tier || tier->is("auto") || tier->is("default")) return true;
        if (e_.vertex || (!tier->is("flex") && !tier->is("priority"))) return e_.drop(tier->key());
        w_.member("serviceTier", *tier);
        return true;
    }

    Encoder& e_;
    const Request& r_;
    Writer& w_;
    const dialects::AllowedTools allowed_;
    Extra extra_;
    Output output_ = Output::text;
    Mode choice_ = Mode::unset;
    Thinking thinking_ = Thinking::off;
    bool thoughts_ = false;
    std::string budget_;
    std::string_view level_;
    bool texts_ = false, images_ = false;  // modalities
    bool config_open_ = false;
    std::vector<std::string_view> written_;  // members of generationConfig
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

}  // namespace llm::gemini
