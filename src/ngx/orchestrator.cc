#include "ngx/orchestrator.hpp"

#include "client/completions/completions.hpp"
#include "ngx/attempt.hpp"
#include "ngx/choose.hpp"
#include "ngx/health.hpp"
#include "ngx/prices.hpp"
#include "ngx/respond.hpp"
#include "ngx/route.hpp"
#include "ngx/zone.hpp"

namespace llm::ngx {

using chat::ErrorClass;

namespace {

ZoneWorker* this_worker = nullptr;

}  // namespace

void set_worker_row(ZoneWorker* row) noexcept
{
    this_worker = row;
}
ZoneWorker* worker_row() noexcept
{
    return this_worker;
}

Orchestrator::Orchestrator(ngx_http_request_t* r, Context& ctx)
    : r_(r),
      ctx_(ctx),
      conf_(*loc_conf(r)),
      main_(*main_conf(r)),
      backoff_(this, r),
      keepalive_(this, r),
      hedge_(this, r),
      started_(ngx_current_msec)
{
    address_waiter_.owner = this;
    address_waiter_.wake = [](void* owner) {
        auto* self = static_cast<Orchestrator*>(owner);
        ngx_connection_t* c = self->r_->connection;
        self->wake();
        ngx_http_run_posted_requests(c);
    };
}

Orchestrator::~Orchestrator()
{
    settle();
}

// --- the request ---------------------------------------------------------------

void Orchestrator::begin()
{
    ngx_http_cleanup_t* cleanup = ngx_http_cleanup_add(r_, 0);
    if (!cleanup) return finish(NGX_HTTP_INTERNAL_SERVER_ERROR);
    cleanup->handler = on_terminate;
    cleanup->data = this;

    chat::ApiError error;
    if (!body_.join(r_, ctx_.body_room)) return finish(NGX_HTTP_INTERNAL_SERVER_ERROR);
    std::string_view body = body_.text();
    if (body.size() > conf_.max_body) return fail(make_error(ErrorClass::too_large, "The request body is too large."));

    chat_ = std::make_unique<chat::Request>();
    client::RequestLimits limits;
    limits.json.depth = static_cast<uint32_t>(conf_.max_depth);
    bool good = completions::read_request(body, limits, *chat_, error);
    ctx_.record.known = good;
    ctx_.record.stream = stream_ = good && chat_->stream;
    // A name that was refused has no place in a log or a header.
    if (good) ctx_.record.request_model = asked_model_ = std::string(chat_->model_name);
    traced_ = conf_.headers && is_set(r_, "x-llm-trace");
    if (!good || !read_targets(error)) return fail(error);
    if (is_set(r_, "x-llm-dry-run")) return dry_run();
    admit();

    std::vector<uint8_t> reasons;
    for (const Target& target : targets_) reasons.push_back(target.reasons);
    plan_ = policy::Plan(std::move(reasons), rules_);
    listen();
    if (stream_ && conf_.keepalive > 0) keepalive_.start(conf_.keepalive);
    run(plan_.first());
}

bool Orchestrator::read_targets(chat::ApiError& error)
{
    Chosen chosen;
    if (!choose_targets(r_, ctx_.caller, {asked_model_, *chat_, chat_.get()}, chosen, error)) return false;
    model_ = chosen.route.model;
    if (model_) {
        rules_ = model_->plan;
        budget_ = model_->budget;
    }
    targets_ = std::move(chosen.targets);
    return true;
}

// The seam for limits and budgets: who asks, the model, its targets and the
// size of the request are known, and nothing has been sent.
void Orchestrator::admit()
{
    counted_in_ = worker_row();
    if (counted_in_) ngx_atomic_fetch_add(&counted_in_->active, 1);
}

// Once a request, whatever has become of it.
void Orchestrator::settle()
{
    if (ZoneWorker* row = std::exchange(counted_in_, nullptr)) ngx_atomic_fetch_add(&row->active, -1);
}

// From now on the client may go away at any time, and be written to.
void Orchestrator::listen()
{
    r_->read_event_handler = ngx_http_test_reading;
    r_->write_event_handler = on_write;
    ngx_connection_t* c = r_->connection;
#if (NGX_HTTP_V2)
    if (r_->stream) return;
#endif
#if (NGX_HTTP_V3)
    if (c->quic) return;
#endif
    if (!c->write->active && (ngx_event_flags & NGX_USE_CLEAR_EVENT)) {
        if (ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_CLEAR_EVENT) != NGX_OK) throw std::bad_alloc();
    }
    // A FIN that came with the request would go unnoticed.
    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
}

// --- attempts ------------------------------------------------------------------

// Whoever could not be woken would hang: there is memory for that already.
void Orchestrator::wake() noexcept
{
    // Two attempts may end before nginx comes to it. Not every nginx sees that it
    // is posted already, and a list that has it twice has no end.
    for (ngx_http_posted_request_t* p = r_->main->posted_requests; p; p = p->next) {
        if (p == &posted_) return;
    }
    ngx_http_post_request(r_, &posted_);
}

// nginx has something for the main request: the client takes bytes again, or
// an attempt has posted it.
void Orchestrator::on_write(ngx_http_request_t* r) noexcept
{
    Context* ctx = find_context(r);
    if (!ctx || !ctx->orchestrator) return;
    if (r->connection->write->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT, "client timed out");
        r->connection->timedout = 1;
        return ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
    }
    Orchestrator& self = *ctx->orchestrator;
    if (self.committed_) {
        self.committed_->pump();
    } else if (self.opened_ && ngx_http_output_filter(r, nullptr) == NGX_ERROR) {
        return self.finish(NGX_ERROR);
    }
    ngx_int_t rc = guarded(r->connection->log, [&] {
        self.step();
        return ngx_int_t{NGX_OK};
    });
    // Nothing may run on after a step that could not be finished.
    if (rc != NGX_OK) self.finish(self.failure());
}

// A head that could not be sent has been through some of the filters: they would
// take another one's body for its own.
ngx_int_t Orchestrator::failure() const noexcept
{
    return r_->headers_out.status ? NGX_ERROR : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

void Orchestrator::step()
{
    if (finished_) return;
    if (pending_.kind == policy::Step::Kind::launch) {
        if (address_waiter_.waiting || backoff_.running()) return;
        return run(std::exchange(pending_, {}));
    }
    if (committed_) {
        if (!committed_->done()) return;
        // Without a head there was no way to say that this is it.
        return r_->header_sent ? end_stream() : finish(failure());
    }
    for (size_t i = 0; i < attempts_.size() && !finished_; i++) {
        if (attempts_[i]->take_end()) return settle_end(*attempts_[i]);
    }
}

void Orchestrator::answer(Attempt& a)
{
    end_others(a);
    if (!stream_) return send_answer(a);
    if (!commit(a)) return finish(failure());
    end_stream();
}

size_t Orchestrator::number_of(const Attempt& attempt) const noexcept
{
    size_t n = 1;
    for (const std::unique_ptr<Attempt>& a : attempts_) {
        if (a.get() == &attempt) break;
        n++;
    }
    return n;
}

// --- the answer ----------------------------------------------------------------

std::string Orchestrator::answer_model() const
{
    return conf_.model_name == kAskedModelName ? asked_model_ : std::string();
}

std::string Orchestrator::fallback_id() const
{
    return "chatcmpl-" + std::string(nginx_request_id(r_));
}

bool Orchestrator::add_answer_headers(const Attempt& a)
{
    if (!add_header(r_, "x-llm-attempts", std::to_string(plan_.attempts()))) return false;
    if (!a.dropped().empty() && !add_header(r_, "x-llm-dropped", a.dropped())) return false;
    if (!add_rate_limits(a.reply())) return false;
    if (!conf_.headers) return true;
    // Of a stream nobody knows yet.
    const std::optional<chat::Money>& cost = ctx_.record.cost;
    if (!stream_ && cost && !add_header(r_, "x-llm-cost", chat::dollars(*cost))) return false;
    if (traced_ && !add_header(r_, "x-llm-trace", trace(a.error().set() ? nullptr : &a).header())) return false;

    const Target& t = a.target();
    if (!add_header(r_, "x-llm-provider", view(t.provider->name))) return false;
    if (!add_header(r_, "x-llm-model", t.model)) return false;
    return a.reply().request_id().empty() || add_header(r_, "x-llm-upstream-request-id", a.reply().request_id());
}

bool Orchestrator::add_rate_limits(const wire::ReplyHead& reply)
{
    for (uint8_t f = 0; f < wire::RateLimits::count_; f++) {
        auto field = static_cast<wire::RateLimits::Field>(f);
        const std::string& value = reply.limits().values[f];
        if (!value.empty() && !add_header(r_, wire::RateLimits::header(field), value)) return false;
    }
    return true;
}

bool Orchestrator::commit(Attempt& a)
{
    if (committed_) return committed_ == &a;
    committed_ = &a;
    keepalive_.stop();
    end_others(a);
    if (!opened_ && !add_answer_headers(a)) return false;
    a.promote();
    record_target(a);  // add_header may ask
    a.release_request();
    release_request();
    return opened_ || open_stream();
}

// Sends the head of a stream.
bool Orchestrator::open_stream()
{
    ctx_.answered = true;
    if (!add_request_id(r_) || !add_header(r_, "cache-control", "no-cache") ||
        !add_header(r_, "x-accel-buffering", "no")) {
        return false;
    }
    r_->headers_out.status = NGX_HTTP_OK;
    r_->headers_out.content_length_n = -1;
    ngx_str_set(&r_->headers_out.content_type, "text/event-stream; charset=utf-8");
    r_->headers_out.content_type_len = sizeof("text/event-stream") - 1;
    // nginx paces only what it buffers: the timer it does that with is the one
    // that unbuffered writing deletes.
    r_->limit_rate = 0;
    r_->limit_rate_set = 1;
    ngx_int_t rc = ngx_http_send_header(r_);
    return rc != NGX_ERROR && rc <= NGX_OK;
}

// The prompt may be large and the answer long: nothing of the request is kept
// for the time of a stream.
void Orchestrator::release_request()
{
    chat_.reset();
    body_.release(r_);
}

void Orchestrator::send_answer(Attempt& a)
{
    fill_record(&a);
    if (!add_request_id(r_) || !add_answer_headers(a)) return finish(NGX_HTTP_INTERNAL_SERVER_ERROR);
    ctx_.answered = true;
    r_->headers_out.status = NGX_HTTP_OK;
    r_->headers_out.content_length_n = static_cast<off_t>(a.output().size());
    ngx_str_set(&r_->headers_out.content_type, "application/json");
    r_->headers_out.content_type_len = r_->headers_out.content_type.len;
    ngx_int_t rc = ngx_http_send_header(r_);
    if (rc == NGX_ERROR || rc > NGX_OK || r_->header_only) return finish(rc);
    // The bytes stay where they are: the attempt lives as long as the request.
    ngx_chain_t* out = refer(a.output());
    finish(out ? ngx_http_output_filter(r_, out) : NGX_ERROR);
}

ngx_chain_t* Orchestrator::refer(const Rope& rope)
{
    ngx_chain_t* first = nullptr;
    ngx_chain_t** last = &first;
    ngx_buf_t* b = nullptr;
    for (std::string_view piece : rope.pieces()) {
        b = static_cast<ngx_buf_t*>(ngx_calloc_buf(r_->pool));
        ngx_chain_t* link = ngx_alloc_chain_link(r_->pool);
        if (!b || !link) return nullptr;
        b->start = b->pos = reinterpret_cast<u_char*>(const_cast<char*>(piece.data()));
        b->end = b->last = b->pos + piece.size();
        b->memory = 1;
        link->buf = b;
        link->next = nullptr;
        *last = link;
        last = &link->next;
    }
    if (!b) return make_chain(r_, {}, true);
    b->last_buf = 1;
    b->last_in_chain = 1;
    return first;
}

// The committed attempt is over: what it has left, or the chunk that says that
// it failed, ends the response.
void Orchestrator::end_stream()
{
    Attempt& a = *committed_;
    if (a.error().set()) {
        a.write_failure();
        ctx_.record.error = a.error().name_text();
    }
    fill_record(&a);
    ngx_chain_t* out = refer(a.output());
    finish(out ? ngx_http_output_filter(r_, out) : NGX_ERROR);
}

void Orchestrator::fail(const chat::ApiError& error)
{
    const Attempt* last = attempts_.empty() ? nullptr : attempts_.back().get();
    fill_record(telling_ ? telling_ : last);
    if (opened_) return fail_in_band(error);
    bool headers = !last || (telling_ ? add_answer_headers(*telling_)
                                      : add_header(r_, "x-llm-attempts", std::to_string(plan_.attempts())));
    std::string trace = traced_ ? trace_.json() : std::string();
    finish(headers ? send_error(r_, error, trace) : NGX_HTTP_INTERNAL_SERVER_ERROR);
}

void Orchestrator::fill_record(const Attempt* served)
{
    Record& record = ctx_.record;
    record.attempts = plan_.attempts();
    ngx_msec_t waited = waited_;
    for (const std::unique_ptr<Attempt>& a : attempts_) waited += a->took();
    // Two that ran at once were waited for once.
    record.overhead = ngx_max(static_cast<ngx_msec_int_t>(ngx_current_msec - started_ - waited), 0);
    record_cost();
    if (!served) return;
    record_target(*served);
    record.upstream = static_cast<ngx_msec_int_t>(served->took());
    const relay::Seen& seen = served->seen();
    record.usage = seen.usage;
    if (seen.finished) record.finish_reason = completions::finish_reason_name(seen.finish);
}

void Orchestrator::record_target(const Attempt& served)
{
    Record& record = ctx_.record;
    record.attempts = plan_.attempts();
    record.model = served.target().model;
    record.provider = view(served.target().provider->name);
    record.fallback = served.target().fallback;
    record.first_token = served.first_token();
}

void Orchestrator::finish(ngx_int_t rc)
{
    if (finished_) return;
    finished_ = true;
    stop_waiting(address_waiter_);
    backoff_.stop();
    keepalive_.stop();
    hedge_.stop();
    for (const std::unique_ptr<Attempt>& a : attempts_) a->cancel();
    settle();
    ngx_http_finalize_request(r_, rc);  // `this` may be gone
}

// nginx drops the request: the client is gone, or all is done. Upstreams are
// closed by handlers of their own.
void Orchestrator::on_terminate(void* data) noexcept
{
    auto* self = static_cast<Orchestrator*>(data);
    if (!self->finished_) {
        self->finished_ = true;
        Attempt* a = self->committed_ ? self->committed_ : self->current_;
        for (const std::unique_ptr<Attempt>& each : self->attempts_) each->cancel();
        guarded(self->r_->connection->log, [&] {
            self->fill_record(a);
            return ngx_int_t{NGX_OK};
        });
    }
    stop_waiting(self->address_waiter_);
    self->backoff_.stop();
    self->keepalive_.stop();
    self->hedge_.stop();
    self->settle();
}

}  // namespace llm::ngx
