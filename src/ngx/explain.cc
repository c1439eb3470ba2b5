// Why an answer comes from where it does: for clients that ask, and for those that
// want to know it without asking anybody.
#include "json/writer.hpp"
#include "ngx/attempt.hpp"
#include "ngx/health.hpp"
#include "ngx/orchestrator.hpp"
#include "ngx/respond.hpp"

namespace llm::ngx {

namespace {

std::string name_of(const Target& target)
{
    std::string name(view(target.provider->name));
    return name.append("/").append(target.model);
}

constexpr std::string_view kLost = "another was faster";
constexpr std::string_view kSpecial = "after failures of its kind";

relay::Trace::Entry entry_of(const Attempt& a, std::string_view good)
{
    relay::Trace::Entry entry;
    entry.target = name_of(a.target());
    entry.status = static_cast<int>(a.status());
    entry.ms = static_cast<int64_t>(a.took());
    entry.reason = a.error().set() ? a.reason() : a.empty() ? "empty answer" : good;
    return entry;
}

}  // namespace

void Orchestrator::note(const Target& target, std::string_view obstacle)
{
    if (traced_) trace_.add({.target = name_of(target), .reason = std::string(obstacle)});
}

void Orchestrator::note_refusal(const Target& target, const chat::ApiError& refusal)
{
    note(target, refusal.param.empty() ? "cannot carry the request" : "cannot carry " + refusal.param);
}

void Orchestrator::note(const Attempt& attempt)
{
    if (traced_) trace_.add(entry_of(attempt, "answer not good enough"));
}

relay::Trace Orchestrator::trace(const Attempt* running) const
{
    relay::Trace out = trace_;
    for (const std::unique_ptr<Attempt>& a : attempts_) {
        bool lost = a.get() != running && (!a->done() || a->reason() == kLost);
        if (lost) out.add(entry_of(*a, kLost));
    }
    if (running) out.add(entry_of(*running, "served"));
    return out;
}

std::string Attempt::trace() const
{
    return orch_.trace(this).json();
}

// Nothing is sent, counted or reserved.
void Orchestrator::dry_run()
{
    if (!conf_.headers) {
        return fail(make_error(chat::ErrorClass::bad_request, "Where requests go is not told here (llm_headers)."));
    }
    traced_ = true;
    bool taken = false;
    for (const Target& target : targets_) {
        Attempt attempt(*this, target);
        chat::ApiError refusal;
        std::string_view obstacle = obstacle_to(main_, target);
        if (!attempt.encode(refusal)) {
            note_refusal(target, refusal);
        } else if (!obstacle.empty()) {
            note(target, obstacle);
        } else {
            bool ordinary = target.reasons & policy::kAnyError;
            note(target, !ordinary ? kSpecial : std::exchange(taken, true) ? "if those before fail" : "would be asked");
        }
    }
    Rope body;
    json::Writer w(body);
    {
        auto answer = w.object();
        w.string_member("object", "llm.dry_run");
        w.string_member("model", asked_model_);
        w.key("llm_trace").copy(trace_.json());
    }
    finish(send_json(r_, NGX_HTTP_OK, body.str()));
}

}  // namespace llm::ngx
