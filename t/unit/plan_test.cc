// Which target is tried next, and which failure the client is told.
#include "policy/plan.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

namespace llm::test {

namespace {

using chat::ErrorClass;
using policy::Plan;
using policy::Step;

constexpr ErrorClass kServer = ErrorClass::upstream_server;
constexpr ErrorClass kRefused = ErrorClass::unsupported;

// What happened to the running attempt.
struct Event {
    enum class Kind { failure, stale, refusal } kind;
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
};

TEST(Plan, Steps)
{
    for (const Row& row : kRows) {
        Plan plan(row.targets, row.max_attempts);
        std::ostringstream steps;
        auto note = [&](Step s) {
            steps << (steps.tellp() > 0 ? " " : "");
            if (s.kind == Step::Kind::launch) {
                steps << s.target;
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
            Plan plan(targets, max);
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
        Plan plan(row.failures.size(), 8);
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
        Plan plan(2, 8);
        plan.first();
        Step step = plan.after_failure(make_error(kind, "x"));
        EXPECT_EQ(step.kind == Step::Kind::launch, more) << static_cast<int>(kind);
    }
}

}  // namespace

}  // namespace llm::test
