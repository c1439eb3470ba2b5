// Which target is tried next, and which failure the client is told.
#include "policy/plan.hpp"

#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace llm::test {

namespace {

using chat::ErrorClass;
using policy::Circumstances;
using policy::Plan;
using policy::PlanRules;
using policy::Step;

constexpr ErrorClass kServer = ErrorClass::upstream_server;
constexpr ErrorClass kRefused = ErrorClass::unsupported;

Plan plan_of(size_t targets, unsigned max_attempts = PlanRules::kMaxAttempts)
{
    PlanRules rules;
    rules.max_attempts = max_attempts;
    return Plan(std::vector<uint8_t>(targets, policy::kOrdinary), rules);
}

// What happened to the running attempt.
struct Event {
    enum class Kind { failure, stale, refusal, skip } kind;
    ErrorClass error;
};
constexpr Event failed(ErrorClass e)
{
    return {Event::Kind::failure, e};
}
constexpr Event stale()
{
    return {Event::Kind::stale, ErrorClass::connect};
}
constexpr Event refused()
{
    return {Event::Kind::refusal, kRefused};
}
constexpr Event skipped()
{
    return {Event::Kind::skip, ErrorClass::none};
}

struct Row {
    std::string_view name;
    size_t targets;
    unsigned max_attempts;
    std::vector<Event> events;
    std::string steps;  // the target of each launch, `-` for giving up
    unsigned attempts;
    ErrorClass told = kServer;
};

const Row kRows[] = {
    {"the first is enough", 3, 8, {}, "0", 1, ErrorClass::none},
    {"no target", 0, 8, {}, "-", 0, ErrorClass::none},
    {"no attempt allowed", 3, 0, {}, "-", 0, ErrorClass::none},
    {"one after the other", 3, 8, {failed(kServer), failed(kServer), failed(kServer)}, "0 1 2 -", 3},
    {"attempts are capped", 5, 2, {failed(kServer), failed(kServer)}, "0 1 -", 2},
    {"as many attempts as targets", 2, 2, {failed(kServer), failed(kServer)}, "0 1 -", 2},
    {"a fault of the request ends it",
     3,
     8,
     {failed(ErrorClass::upstream_rejected)},
     "0 -",
     1,
     ErrorClass::upstream_rejected},

    {"stale: the same target", 2, 8, {stale()}, "0 0", 1, ErrorClass::none},
    {"stale twice", 2, 8, {stale(), stale()}, "0 0 0", 1, ErrorClass::none},
    {"stale three times counts as a failure", 2, 8, {stale(), stale(), stale()}, "0 0 0 1", 2, ErrorClass::connect},
    {"stale does not use up attempts", 2, 1, {stale(), stale()}, "0 0 0", 1, ErrorClass::none},
    {"stale for good at the last target", 1, 8, {stale(), stale(), stale()}, "0 0 0 -", 1, ErrorClass::connect},
    {"each target may be stale twice",
     2,
     8,
     {stale(), stale(), failed(kServer), stale(), stale(), failed(kServer)},
     "0 0 0 1 1 1 -",
     2},
    {"stale leaves no error behind", 2, 8, {stale(), failed(kServer)}, "0 0 1", 2},

    {"a refusal is no attempt", 2, 1, {refused()}, "0 1", 1, kRefused},
    {"refused by all", 2, 8, {refused(), refused()}, "0 1 -", 0, kRefused},
    {"refusals and a failure", 3, 1, {refused(), refused(), failed(kServer)}, "0 1 2 -", 1, kRefused},
    {"a refusal after a failure", 3, 2, {failed(kServer), refused(), failed(kServer)}, "0 1 2 -", 2, kRefused},

    {"one that is not well is passed over", 3, 8, {skipped()}, "0 1", 1, ErrorClass::none},
    {"and not come back to", 3, 8, {skipped(), failed(kServer), failed(kServer)}, "0 1 2 -", 2},
    {"none is well: all are asked", 2, 8, {skipped(), skipped(), failed(kServer), failed(kServer)}, "0 1 0! 1! -", 2},
    {"the only one is not well", 1, 8, {skipped(), failed(kServer)}, "0 0! -", 1},
    {"one cannot, the other is not well", 2, 8, {refused(), skipped(), failed(kServer)}, "0 1 1! -", 1, kRefused},
    {"a failure, and the other is not well", 2, 8, {failed(kServer), skipped()}, "0 1 -", 1},
};

TEST(Plan, Steps)
{
    for (const Row& row : kRows) {
        Plan plan = plan_of(row.targets, row.max_attempts);
        std::ostringstream steps;
        auto note = [&](Step s) {
            steps << (steps.tellp() > 0 ? " " : "");
            if (s.kind == Step::Kind::launch) {
                steps << s.target << (s.bypass ? "!" : "");
            } else {
                steps << '-';
            }
        };
        note(plan.first());
        for (const Event& e : row.events) {
            chat::ApiError error = make_error(e.error, "x");
            switch (e.kind) {
                case Event::Kind::failure:
                    note(plan.after_failure(error));
                    break;
                case Event::Kind::stale:
                    note(plan.after_stale(error));
                    break;
                case Event::Kind::refusal:
                    note(plan.after_refusal(error));
                    break;
                case Event::Kind::skip:
                    note(plan.after_skip());
                    break;
            }
        }
        EXPECT_EQ(steps.str(), row.steps) << row.name;
        EXPECT_EQ(plan.attempts(), row.attempts) << row.name;
        EXPECT_EQ(plan.error().kind, row.told) << row.name;
    }
}

// has_more() says before what after_failure() does then.
TEST(Plan, HasMore)
{
    for (size_t targets = 0; targets < 5; targets++) {
        for (unsigned max = 0; max < 5; max++) {
            Plan plan = plan_of(targets, max);
            plan.first();
            for (int i = 0; i < 6; i++) {
                bool more = plan.has_more();
                Step step = plan.after_failure(make_error(kServer, "x"));
                EXPECT_EQ(step.kind == Step::Kind::launch, more) << targets << " targets, at most " << max;
                if (!more) break;
            }
        }
    }
}

TEST(Plan, TellsTheMostTellingFailure)
{
    struct Told {
        std::string_view name;
        std::vector<ErrorClass> failures;
        size_t told;  // index
    };
    const Told rows[] = {
        {"the only one", {ErrorClass::connect}, 0},
        {"of equals the first", {kServer, kServer, kServer}, 0},
        {"a rate limit says more than a refused connection",
         {ErrorClass::connect, ErrorClass::upstream_rate_limited},
         1},
        {"in any order", {ErrorClass::upstream_rate_limited, ErrorClass::connect}, 0},
        {"an answer says more than none", {ErrorClass::timeout, kServer, ErrorClass::connect}, 1},
        {"our credential is no news to the client", {kServer, ErrorClass::upstream_credential}, 0},
        {"overload says more than a server error", {kServer, ErrorClass::upstream_overloaded}, 1},
        {"broken bytes say more than no connection", {ErrorClass::connect, ErrorClass::protocol}, 1},
        {"a fault of the request says most",
         {ErrorClass::upstream_rate_limited, ErrorClass::upstream_model, ErrorClass::upstream_rejected},
         2},
    };
    for (const Told& row : rows) {
        Plan plan = plan_of(row.failures.size());
        plan.first();
        for (size_t i = 0; i < row.failures.size(); i++) {
            plan.after_failure(make_error(row.failures[i], std::to_string(i)));
        }
        EXPECT_EQ(plan.error().message, std::to_string(row.told)) << row.name;
    }
}

// Another target may do better where the fault was this one's.
TEST(Plan, WhatMayBeTriedElsewhere)
{
    const std::pair<ErrorClass, bool> rows[] = {
        {ErrorClass::bad_request, false},
        {ErrorClass::context_length, false},
        {ErrorClass::content_policy, false},
        {ErrorClass::unsupported, true},
        {ErrorClass::too_large, false},
        {ErrorClass::model_not_found, false},
        {ErrorClass::invalid_key, false},
        {ErrorClass::rate_limited, false},
        {ErrorClass::upstream_credential, true},
        {ErrorClass::upstream_rate_limited, true},
        {ErrorClass::upstream_model, true},
        {ErrorClass::upstream_overloaded, true},
        {ErrorClass::upstream_server, true},
        {ErrorClass::upstream_rejected, false},
        {ErrorClass::connect, true},
        {ErrorClass::protocol, true},
        {ErrorClass::empty, true},
        {ErrorClass::interrupted, true},
        {ErrorClass::timeout, true},
        {ErrorClass::no_target, false},
        {ErrorClass::internal, false},
    };
    for (auto [kind, more] : rows) {
        Plan plan = plan_of(2);
        plan.first();
        Step step = plan.after_failure(make_error(kind, "x"));
        EXPECT_EQ(step.kind == Step::Kind::launch, more) << static_cast<int>(kind);
    }
}

// --- the same target again ---------------------------------------------------------

struct Again {
    std::string_view name;
    ErrorClass error;
    Circumstances how;
    int64_t told_ms;
    bool retried;
    unsigned retries = 2;
    size_t targets = 2;
};

const Again kAgain[] = {
    {"a server error", kServer, {}, -1, true},
    {"overload", ErrorClass::upstream_overloaded, {}, -1, true},
    {"a rate", ErrorClass::upstream_rate_limited, {}, -1, true},
    {"no connection", ErrorClass::connect, {}, -1, true},
    {"broken bytes", ErrorClass::protocol, {}, -1, true},
    {"a timeout that was fast", ErrorClass::timeout, {}, -1, true},
    {"our credential", ErrorClass::upstream_credential, {}, -1, false},
    {"no such model", ErrorClass::upstream_model, {}, -1, false},
    {"an empty answer", ErrorClass::empty, {}, -1, false},
    {"the request's fault", ErrorClass::upstream_rejected, {}, -1, false},
    {"too long", ErrorClass::context_length, {}, -1, false},
    {"none configured", kServer, {}, -1, false, 0},
    {"a slow failure", kServer, {.took_ms = 10001}, -1, false},
    {"as slow as may be", kServer, {.took_ms = 10000}, -1, true},
    {"somebody is against it", kServer, {.may_retry = false}, -1, false},
    {"told to wait a little", ErrorClass::upstream_rate_limited, {}, 2000, true},
    {"told to wait, and another target is there", ErrorClass::upstream_rate_limited, {}, 9000, false},
    {"told to wait, and there is none", ErrorClass::upstream_rate_limited, {}, 9000, true, 2, 1},
    {"told to wait longer than anybody does", ErrorClass::upstream_rate_limited, {}, 61000, false, 2, 1},
};

TEST(Plan, TheSameTargetAgain)
{
    for (const Again& row : kAgain) {
        PlanRules rules;
        rules.retry.retries = row.retries;
        Plan plan(std::vector<uint8_t>(row.targets, policy::kOrdinary), rules);
        plan.first();
        chat::ApiError error = make_error(row.error, "x");
        error.retry_after_ms = row.told_ms;
        Step step = plan.after_failure(error, row.how);
        EXPECT_EQ(step.retry, row.retried) << row.name;
        if (row.retried) {
            EXPECT_EQ(step.target, 0u) << row.name;
            EXPECT_GE(step.wait_ms, row.told_ms) << row.name;
        }
    }
}

// Another credential of the same provider needs no wait and is no retry.
TEST(Plan, AnotherCredentialFirst)
{
    for (ErrorClass kind : {ErrorClass::upstream_credential, ErrorClass::upstream_rate_limited}) {
        Plan plan = plan_of(2);
        plan.first();
        Step step = plan.after_failure(make_error(kind, "x"), {.credential_left = true});
        EXPECT_EQ(step.kind, Step::Kind::launch);
        EXPECT_EQ(step.target, 0u);
        EXPECT_EQ(step.wait_ms, 0);
        EXPECT_FALSE(step.retry);
        step = plan.after_failure(make_error(kind, "x"));
        EXPECT_EQ(step.target, 1u);
        EXPECT_EQ(plan.attempts(), 3u);
    }
}

TEST(Plan, AllWaitsOfARequestAreBounded)
{
    PlanRules rules;
    rules.max_attempts = 100;
    rules.retry.retries = 100;
    rules.retry.total_delay_ms = 5000;
    Plan plan = Plan({policy::kOrdinary, policy::kOrdinary}, rules);
    int64_t waited = 0;
    unsigned retries = 0;
    chat::ApiError error = make_error(ErrorClass::upstream_rate_limited, "x");
    error.retry_after_ms = 1000;
    for (Step step = plan.first(); step.kind == Step::Kind::launch; step = plan.after_failure(error)) {
        waited += step.wait_ms;
        retries += step.retry;
    }
    EXPECT_EQ(waited, 5000);
    EXPECT_EQ(retries, 5u);
}

// Whatever happens, a request ends, after no more attempts than it may make,
// and no target is left and come back to.
TEST(Plan, AlwaysEnds)
{
    std::minstd_rand random(7);
    auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    for (int round = 0; round < 20000; round++) {
        PlanRules rules;
        rules.max_attempts = 1 + below(12);
        rules.retry.retries = below(4);
        std::vector<uint8_t> reasons(below(7));
        for (uint8_t& r : reasons) r = static_cast<uint8_t>(1 + below(15));
        Plan plan(reasons, rules);
        std::vector<unsigned> left(reasons.size());
        size_t current = reasons.size();
        int events = 0;
        bool skips = below(2) == 0;
        Step step = plan.first();
        for (; step.kind == Step::Kind::launch; events++) {
            ASSERT_LT(events, 200);
            ASSERT_LT(step.target, reasons.size());
            ASSERT_LE(plan.attempts(), rules.max_attempts);
            if (step.target != current) {
                if (current < reasons.size()) left[current]++;
                current = step.target;
                // Twice: passed over, and then asked nevertheless.
                ASSERT_LE(left[current], step.bypass ? 1u : 0u);
            }
            auto kind = static_cast<ErrorClass>(1 + below(static_cast<unsigned>(ErrorClass::internal)));
            Circumstances how{below(20000), static_cast<uint32_t>(random()), below(8) == 0, below(2) == 0};
            switch (below(4)) {
                case 0:
                    step = plan.after_stale(make_error(kind, "x"), how);
                    break;
                case 1:
                    step = plan.after_refusal(make_error(kRefused, "x"));
                    break;
                case 2:
                    if (skips && !step.bypass) {
                        step = plan.after_skip();
                        break;
                    }
                    [[fallthrough]];
                default:
                    step = plan.after_failure(make_error(kind, "x"), how);
            }
        }
        EXPECT_EQ(plan.error().set(), events > 0);
    }
}

// --- why a target is turned to -------------------------------------------------------

TEST(Plan, TargetsForOneKindOfFailure)
{
    constexpr uint8_t kContext = policy::kContextWindow;
    constexpr uint8_t kPolicy = policy::kContentPolicy;
    struct For {
        std::string_view name;
        std::vector<uint8_t> reasons;
        std::vector<ErrorClass> failures;
        std::string steps;
    };
    const For rows[] = {
        {"too long", {policy::kOrdinary, policy::kOrdinary, kContext}, {ErrorClass::context_length}, "0 2"},
        {"too long for that one, too",
         {policy::kOrdinary, kContext},
         {ErrorClass::context_length, ErrorClass::context_length},
         "0 1 -"},
        {"not for other errors", {policy::kOrdinary, kContext}, {kServer}, "0 -"},
        {"not for policy", {policy::kOrdinary, kContext, kPolicy}, {ErrorClass::content_policy}, "0 2"},
        {"an error of the larger one leads back into the list",
         {policy::kOrdinary, policy::kOrdinary, kContext},
         {ErrorClass::context_length, kServer},
         "0 2 1"},
        {"for several kinds", {policy::kOrdinary, kContext | kPolicy}, {ErrorClass::content_policy}, "0 1"},
        {"for what cannot be carried", {policy::kAnyError, policy::kAnyError, policy::kCapability}, {kRefused}, "0 2"},
        {"a fault of the request leads nowhere", {policy::kOrdinary, 15}, {ErrorClass::upstream_rejected}, "0 -"},
    };
    for (const For& row : rows) {
        Plan plan(row.reasons, {});
        std::ostringstream steps;
        steps << plan.first().target;
        for (ErrorClass kind : row.failures) {
            Step step = plan.after_failure(make_error(kind, "x"));
            steps << ' ' << (step.kind == Step::Kind::launch ? std::to_string(step.target) : "-");
        }
        EXPECT_EQ(steps.str(), row.steps) << row.name;
    }
}

TEST(Plan, WhenNothingOrdinaryIsLeft)
{
    Plan able({policy::kContentPolicy, policy::kCapability}, {});
    EXPECT_EQ(able.first().target, 1u) << "the one that is there for it";
    Plan other({policy::kContentPolicy, policy::kContentPolicy}, {});
    EXPECT_EQ(other.first().target, 0u) << "better than nothing";
}

// --- two at once ---------------------------------------------------------------------

TEST(Plan, ASecondAttemptBesideTheFirst)
{
    Plan plan = plan_of(3);
    plan.first();
    Step step = plan.hedge();
    EXPECT_EQ(step.target, 1u);
    EXPECT_EQ(plan.attempts(), 2u);
    plan.after_loss(make_error(ErrorClass::upstream_rate_limited, "first"));
    step = plan.after_failure(make_error(kServer, "second"), {.may_retry = false});
    EXPECT_EQ(step.target, 2u);
    EXPECT_EQ(plan.error().message, "first") << "of both the one that tells more";
}

TEST(Plan, ASecondAttemptAtTheOnlyTarget)
{
    Plan plan = plan_of(1, 2);
    plan.first();
    EXPECT_EQ(plan.hedge().target, 0u);
    EXPECT_EQ(plan.hedge().kind, Step::Kind::give_up) << "attempts are capped";
}

TEST(Plan, ASecondAttemptThatIsTakenBack)
{
    Plan plan = plan_of(2);
    plan.first();
    plan.hedge();
    plan.take_back();
    EXPECT_EQ(plan.attempts(), 1u);
    EXPECT_EQ(plan.after_failure(make_error(kServer, "x")).target, 1u) << "it is still ahead";
}

}  // namespace

}  // namespace llm::test
