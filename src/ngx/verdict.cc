// Which answers are given to the client, and which lead to another target.
#include "ngx/anomaly.hpp"
#include "ngx/attempt.hpp"
#include "ngx/orchestrator.hpp"

namespace llm::ngx {

using chat::ErrorClass;
using relay::Flaw;

namespace {

struct Word {
    std::string_view name;
    uint8_t bit;
};
constexpr Word kReasons[] = {
    {"invalid", kEscalateInvalid},
    {"refusal", kEscalateRefusal},
    {"length", kEscalateLength},
    {"empty", kEscalateEmpty},
};

uint8_t bit_of(std::string_view name) noexcept
{
    for (const Word& w : kReasons) {
        if (w.name == name) return w.bit;
    }
    return 0;
}

}  // namespace

// escalate on=REASON,... [streams=hold]
char* set_escalate(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    auto& model = *static_cast<ModelConf*>(conf);
    if (model.escalate) return const_cast<char*>("is duplicate");
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        std::string_view arg = view(args[i]);
        constexpr std::string_view kOn = "on=";
        if (arg == "streams=hold") {
            model.hold_streams = true;
            continue;
        }
        if (!arg.starts_with(kOn)) {
            return const_cast<char*>("knows only the parameters \"on=REASON,...\" and \"streams=hold\"");
        }
        arg.remove_prefix(kOn.size());
        for (bool more = true; more;) {
            size_t comma = arg.find(',');
            uint8_t bit = bit_of(arg.substr(0, comma));
            if (!bit) return const_cast<char*>("has an unknown reason: there are invalid, refusal, length and empty");
            model.escalate |= bit;
            more = comma != arg.npos;
            if (more) arg.remove_prefix(comma + 1);
        }
    }
    return model.escalate ? NGX_CONF_OK : const_cast<char*>("needs \"on=REASON,...\"");
}

bool Orchestrator::validates() const noexcept
{
    ngx_uint_t how = model_ ? model_->validate : kLogFlaws;
    if (how == kRetryFlaws || escalates(kEscalateInvalid)) return true;
    return how == kLogFlaws && has_anomaly_log(conf_);
}

bool Orchestrator::escalates(uint8_t reason) const noexcept
{
    return model_ && (model_->escalate & reason);
}

bool Orchestrator::holds_streams() const noexcept
{
    return model_ && model_->escalate && model_->hold_streams && plan_.has_more();
}

// Why another target is to be asked though there is an answer; unset when it
// will do.
chat::ApiError Orchestrator::objection(const Attempt& a) const
{
    const relay::Seen& seen = a.seen();
    if (a.empty()) return make_error(ErrorClass::empty, "The upstream's answer was empty.");
    bool flawed = seen.flaw != Flaw::none;
    bool retried = model_ && model_->validate == kRetryFlaws;
    if (flawed && (retried || escalates(kEscalateInvalid))) {
        std::string what(name_of(seen.flaw));
        return make_error(ErrorClass::protocol, "The upstream's answer cannot be used: " + what + '.');
    }
    if (seen.refused && escalates(kEscalateRefusal)) {
        return make_error(ErrorClass::empty, "The model refused to answer.");
    }
    if (seen.finished && seen.finish == chat::FinishReason::length && escalates(kEscalateLength)) {
        return make_error(ErrorClass::empty, "The answer was cut off.");
    }
    return {};
}

}  // namespace llm::ngx
