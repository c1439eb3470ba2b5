#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rope.hpp"
#include "chat/money.hpp"
#include "chat/request.hpp"
#include "ngx/body.hpp"
#include "ngx/context.hpp"
#include "ngx/resolve.hpp"
#include "ngx/timer.hpp"
#include "policy/plan.hpp"
#include "relay/trace.hpp"
#include "wire/reply_head.hpp"

namespace llm::ngx {

class Attempt;
struct ZoneWorker;

// Where one attempt may go: a target of the model with its names filled in.
struct Target {
    const ProviderConf* provider;
    std::string model;
    bool fallback;
    const TargetConf* conf = nullptr;     // null for a name that was asked for directly
    uint8_t reasons = policy::kOrdinary;  // why it is turned to
};

// One client request, from its body to its answer. It owns the attempts, which
// run as background subrequests, decides in step() what comes next, and is the
// only one that writes to the client.
//
// It lives in the request's pool; nginx's count of the main request, taken
// when the body was read, is its hold on it until finish().
class Orchestrator {
public:
    Orchestrator(ngx_http_request_t* r, Context& ctx);
    ~Orchestrator();
    Orchestrator(const Orchestrator&) = delete;
    Orchestrator& operator=(const Orchestrator&) = delete;

    // The body is there. May end the request; `this` may be gone then.
    void begin();

    // Called by attempts.

    // The first content has come: this attempt is the answer. Sends the
    // headers; false when another one was faster or the client cannot be
    // written to.
    bool commit(Attempt& attempt);
    // Has step() run soon, outside the caller's stack.
    void wake() noexcept;

    ngx_http_request_t* request() const noexcept { return r_; }
    const LocConf& conf() const noexcept { return conf_; }
    const policy::BudgetRules& budget() const noexcept { return budget_; }
    const chat::Request& chat() const noexcept { return *chat_; }
    // Whether answers are looked at for flaws.
    bool validates() const noexcept;
    // Streams are not begun before they are complete.
    bool holds_streams() const noexcept;
    // Which of the request's attempts it is, from 1.
    size_t number_of(const Attempt& attempt) const noexcept;
    // Whether the client wants to know what has become of each attempt.
    bool is_traced() const noexcept { return traced_; }
    // Of all that are over, and of one that is not, or null.
    relay::Trace trace(const Attempt* running) const;
    bool is_committed(const Attempt& attempt) const noexcept { return committed_ == &attempt; }
    // The body text, id and so on that an answer is written with.
    std::string answer_model() const;
    std::string fallback_id() const;
    // What the request costs when `attempt` has used so much; nullopt when some of
    // it has no price.
    std::optional<chat::Money> cost(const Attempt& attempt, const chat::Usage& usage) const;

    // One fact of each attempt, in their order, as nginx writes $upstream_status.
    enum class Fact : uint8_t { provider, model, status, time, cost };
    std::string list_attempts(Fact fact) const;

private:
    enum class Launch : uint8_t { started, waiting, skipped, refused, failed };

    static void on_write(ngx_http_request_t* r) noexcept;
    static void on_terminate(void* data) noexcept;

    void admit();
    void settle();
    bool read_targets(chat::ApiError& error);
    void listen();
    void run(policy::Step step);
    Launch launch(const policy::Step& step, chat::ApiError& refusal);
    void on_backoff() { wake(); }
    void arm_hedge();
    void on_hedge();
    void launch_hedge(const policy::Step& step) noexcept;
    bool is_alone(const Attempt& attempt) const noexcept;
    void settle_end(Attempt& ended);
    void end_others(const Attempt& winner) noexcept;
    static policy::Circumstances circumstances(const Attempt& failed);
    void note(const Target& target, std::string_view obstacle);
    void note_refusal(const Target& target, const chat::ApiError& refusal);
    void note(const Attempt& attempt);
    void dry_run();
    void step();
    bool escalates(uint8_t reason) const noexcept;
    chat::ApiError objection(const Attempt& a) const;
    void answer(Attempt& a);
    void on_keepalive();
    bool open_stream();
    void fail_in_band(const chat::ApiError& error);
    bool add_answer_headers(const Attempt& attempt);
    bool add_rate_limits(const wire::ReplyHead& reply);
    void release_request();
    void send_answer(Attempt& attempt);
    void end_stream();
    ngx_chain_t* refer(const Rope& rope);
    void fail(const chat::ApiError& error);
    void fill_record(const Attempt* served);
    void try_next(policy::Step step);
    void record_target(const Attempt& served);
    void record_cost();
    std::optional<chat::Money> cost_of(const Attempt& attempt, const chat::Usage& usage) const;
    std::string describe(const Attempt& a, Fact fact) const;
    ngx_int_t failure() const noexcept;  // for finish(): an error page, or none any more
    void finish(ngx_int_t rc);

    ngx_http_request_t* r_;
    ngx_http_posted_request_t posted_ = {};
    Context& ctx_;
    const LocConf& conf_;
    const MainConf& main_;

    ClientBody body_;
    std::unique_ptr<chat::Request> chat_;  // views into the body; null once an answer was committed
    bool stream_ = false;
    std::string asked_model_;

    const ModelConf* model_ = nullptr;  // null: addressed directly
    std::vector<Target> targets_;
    policy::PlanRules rules_;
    policy::BudgetRules budget_;
    policy::Plan plan_;
    std::vector<std::unique_ptr<Attempt>> attempts_;
    Attempt* current_ = nullptr;
    Attempt* committed_ = nullptr;
    Attempt* spare_ = nullptr;          // an answer that is better than none
    const Attempt* telling_ = nullptr;  // whose error is the one to report
    policy::Step pending_;              // waits for an upstream's first address or for its time
    AddressWaiter address_waiter_;
    Timer<Orchestrator, &Orchestrator::on_backoff> backoff_;
    ngx_msec_t waited_ = 0;  // between attempts
    Timer<Orchestrator, &Orchestrator::on_keepalive> keepalive_;
    Timer<Orchestrator, &Orchestrator::on_hedge> hedge_;
    const Target* hedged_from_ = nullptr;  // the target of the first attempt
    bool hedged_ = false;                  // two attempts have run at once
    bool opened_ = false;                  // a stream whose head went out before there was an answer
    bool traced_ = false;
    relay::Trace trace_;
    ngx_msec_t started_ = 0;
    ZoneWorker* counted_in_ = nullptr;  // whose count of active requests holds this one
    bool finished_ = false;
};

// The row of this worker in the zone; null without one.
void set_worker_row(ZoneWorker* row) noexcept;
ZoneWorker* worker_row() noexcept;

}  // namespace llm::ngx
