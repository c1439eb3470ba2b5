#pragma once

#include "ngx/ngx.hpp"

namespace llm::ngx {

// A one-shot timer that is deleted with its owner. Not cancelable: a worker
// that is told to quit waits for the requests it times.
template <class Owner, void (Owner::*Handler)()>
class Timer {
public:
    Timer(Owner* owner, ngx_http_request_t* r) noexcept : owner_(owner), request_(r)
    {
        event_.handler = fire;
        event_.data = this;  // debug builds print a member of a connection from here
        event_.log = r->connection->log;
    }
    ~Timer() { stop(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void start(ngx_msec_t ms) noexcept
    {
        stop();
        ngx_add_timer(&event_, ms);
    }
    void stop() noexcept
    {
        if (event_.timer_set) ngx_del_timer(&event_);
    }
    bool running() const noexcept { return event_.timer_set; }

private:
    static void fire(ngx_event_t* ev) noexcept
    {
        auto* self = static_cast<Timer*>(ev->data);
        ngx_connection_t* c = self->request_->connection;
        ngx_http_set_log_request(c->log, self->request_);
        (self->owner_->*Handler)();
        // The owner may be gone; requests it has posted want to run.
        ngx_http_run_posted_requests(c);
    }

    Owner* owner_;
    ngx_http_request_t* request_;
    ngx_event_t event_ = {};
};

}  // namespace llm::ngx
