#include "ngx/attempt.hpp"

#include <utility>

#include "ngx/headers.hpp"
#include "ngx/respond.hpp"
#include "relay/relay.hpp"

namespace llm::ngx {

using chat::ErrorClass;

Attempt::Attempt(Orchestrator& orchestrator, const Target& target)
    : orch_(orchestrator),
      target_(target),
      provider_(*target.provider),
      endpoint_(target.provider->type->chat),
      wants_stream_(orchestrator.chat().stream),
      reply_(0),
      output_(Rope::copying()),
      timer_(this, orchestrator.request())
{
}

Attempt::~Attempt()
{
    report();
}

bool Attempt::enter(Asking asking)
{
    ngx_log_t* log = orch_.request()->connection->log;
    admission_ = admit(*provider_.main, target_, asking, log);
    reported_ = !admission_.granted();
    return admission_.granted();
}

void Attempt::promote()
{
    ngx_log_t* log = orch_.request()->connection->log;
    ngx::promote(*provider_.main, target_, admission_, log);
}

// To the target's health, once: what has become of it.
void Attempt::report() noexcept
{
    if (std::exchange(reported_, true)) return;
    ngx_log_t* log = orch_.request()->connection->log;
    bool ours = error_.kind == ErrorClass::internal;
    bool known = (concluded_ && !stale_) || first_token_ >= 0;
    guarded(log, [&] {
        if (known && !ours) {
            auto whole = static_cast<int64_t>(ended_ - started_);
            Outcome outcome{.error = error_,
                            .rate = {.used_up_ms = reply_.used_up_ms(), .scarce_ms = reply_.scarce_ms()},
                            .stream = wants_stream_,
                            .took_ms = wants_stream_ ? int64_t{first_token_} : whole};
            standing_ = settle(*provider_.main, target_, admission_, outcome, orch_.budget(), log);
        } else {
            abandon(*provider_.main, target_, admission_);
        }
        return ngx_int_t{NGX_OK};
    });
}

bool Attempt::encode(chat::ApiError& error)
{
    dialects::EncodeOptions options;
    options.model = target_.model;
    options.quirks = endpoint_.quirks;
    options.reject_unsupported = orch_.conf().unsupported == kRejectUnsupported || orch_.chat().require_all;
    const std::string safety = safety_for(orch_.request(), provider_);
    options.safety = safety;
    if (!endpoint_.dialect->encode(orch_.chat(), options, encoded_, error)) return false;

    std::vector<providers::Header> headers = headers_for(orch_.request(), provider_);
    providers::RequestHead head;
    head.host = view(provider_.host);
    head.base = view(provider_.base);
    head.has_base = provider_.has_base;
    std::string path =
        providers::fill_path(endpoint_.path_for(wants_stream_), {.model = target_.model,
                                                                 .project = view(provider_.project),
                                                                 .location = view(provider_.location),
                                                                 .api_version = view(provider_.api_version)});
    head.path = path;
    if (provider_.carrier != NGX_CONF_UNSET_UINT) head.auth = static_cast<providers::Auth>(provider_.carrier);
    if (!provider_.keyless) head.key = provider_.keys[admission_.credential].value();
    head.headers = headers;
    head.content_length = encoded_.body.size();
    providers::write_head(*provider_.type, head, head_);
    return true;
}

bool Attempt::launch()
{
    ngx_http_request_t* r = orch_.request();
    auto* post = static_cast<ngx_http_post_subrequest_t*>(ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t)));
    if (!post) return false;
    post->handler = on_subrequest_end;
    post->data = this;
    // There is no way back after this call, so everything that can fail has
    // been done before.
    constexpr ngx_uint_t kFlags = NGX_HTTP_SUBREQUEST_BACKGROUND | NGX_HTTP_SUBREQUEST_CLONE;
    if (ngx_http_subrequest(r, &r->uri, nullptr, &sr_, post, kFlags) != NGX_OK) {
        if (!sr_) return false;
        // It holds the request already, only posting it has failed.
        ngx_http_post_request(sr_, &posted_);
    }
    ngx_http_set_ctx(sr_, this, ngx_http_llm_gateway_module);
    sr_->content_handler = content_handler;
    started_ = last_read_ = ngx_current_msec;
    meter_.begin(*main_conf(r), target_id(view(provider_.name), target_.model), wants_stream_);
    arm();
    return true;
}

void Attempt::cancel() noexcept
{
    timer_.stop();
    if (done_) return;
    done_ = true;
    ended_ = ngx_current_msec;
    meter_.abandoned(first_token_, static_cast<ngx_msec_int_t>(ended_ - started_));
    // nginx's own cleanup: closes the connection, counts no failure, gives the
    // subrequest's hold on the request back.
    ngx_http_upstream_t* u = sr_ ? sr_->upstream : nullptr;
    if (u && u->cleanup) (*u->cleanup)(sr_);
    report();
}

void Attempt::lose() noexcept
{
    if (done_) return;
    reason_ = "another was faster";  // for the trace
    end_taken_ = true;
    cancel();
}

void Attempt::pump() noexcept
{
    if (done_ || !started_upstream_ || !sr_->upstream || !sr_->upstream->cleanup) return;
    // Nobody has read from the provider for the client's sake: it may be silent
    // from now on.
    if (waits_for_client()) last_read_ = ngx_current_msec;
    sr_->write_event_handler(sr_);
}

void Attempt::release_request() noexcept
{
    ngx_http_upstream_t* u = sr_ ? sr_->upstream : nullptr;
    // An answer may come before the request has been read to its end.
    if (!u || !u->request_body_sent) return;
    u->request_bufs = nullptr;
    encoded_.body = Rope();
    bufs_.reset();
    links_.reset();
}

// Of an attempt that failed nothing is kept but what is told of it: others may
// take long.
void Attempt::release_all() noexcept
{
    if (sr_ && sr_->upstream) sr_->upstream->request_bufs = nullptr;
    if (stream_) seen_ = stream_->seen();
    stream_.reset();
    output_ = Rope();
    body_ = {};
    encoded_.body = Rope();
    bufs_.reset();
    links_.reset();
}

relay::Options Attempt::relay_options() const
{
    const LocConf& conf = orch_.conf();
    relay::Options o;
    o.dialect = endpoint_.dialect;
    o.framing = endpoint_.framing;
    o.format = orch_.chat().format;
    o.answer.created = ngx_time();
    o.answer.id = orch_.fallback_id();
    o.answer.model = orch_.answer_model();
    o.answer.include_usage = orch_.chat().include_usage;
    o.decode.hints = encoded_.hints;
    o.decode.quirks = endpoint_.quirks;
    o.decode.id = nginx_request_id(orch_.request());
    o.decode.max_tool_arguments = conf.max_tool_arguments;
    o.decode.json.depth = static_cast<uint32_t>(conf.max_depth);
    o.max_event = conf.max_event;
    if (conf.headers) o.pricer = this;
    if (orch_.is_traced()) o.tracer = this;
    o.validate = orch_.validates();
    o.wants_json = orch_.chat().output.kind != chat::OutputFormat::Kind::text;
    return o;
}

// By status and media type: what the body is going to be.
void Attempt::choose_mode()
{
    reply_.each_text([&](std::string& text) { providers::hide_secrets(head_, text); });
    bool good = status_.code >= 200 && status_.code < 300;
    if (!good) {
        mode_ = Mode::error;
    } else if (reply_.encoded()) {
        set_error(ErrorClass::protocol, "content coding that was not asked for");
    } else if (!wants_stream_) {
        mode_ = Mode::whole;
        if (reply_.media() == wire::Media::event_stream)
            set_error(ErrorClass::protocol, "event stream that was not asked for");
    } else if (reply_.media() == wire::Media::json || reply_.media() == wire::Media::html) {
        mode_ = Mode::whole;  // most likely an error with a good status
    } else {
        mode_ = Mode::stream;
        stream_ = std::make_unique<relay::Stream>(relay_options());
    }
}

ngx_int_t Attempt::take(std::string_view bytes)
{
    received_ += bytes.size();
    switch (mode_) {
        case Mode::stream:
            return take_stream(bytes);
        case Mode::error:
            body_.append(bytes.substr(0, kErrorBody - body_.size()));
            // The rest would say no more, and may never end.
            return body_.size() < kErrorBody ? NGX_OK : NGX_ERROR;
        default:
            break;
    }
    if (body_.size() + bytes.size() > orch_.conf().max_response) {
        set_error(ErrorClass::protocol, "answer larger than llm_max_response");
        return NGX_ERROR;
    }
    if (body_.empty() && content_length_ > 0) {
        body_.reserve(ngx_min(static_cast<size_t>(content_length_), orch_.conf().max_response));
    }
    body_.append(bytes);
    return NGX_OK;
}

ngx_int_t Attempt::take_stream(std::string_view bytes)
{
    if (stream_->seen().complete) return NGX_OK;
    Status status = stream_->feed(bytes, output_);
    const relay::Seen& seen = stream_->seen();

    // What came before a failure is still the client's.
    bool overfull = output_.size() > kHeld && !orch_.is_committed(*this);
    if ((seen.content || overfull) && first_token_ < 0) {
        first_token_ = static_cast<ngx_msec_int_t>(ngx_current_msec - started_);
        arm();
    }
    bool ready = seen.content && !orch_.holds_streams();
    if ((ready || overfull) && !orch_.is_committed(*this) && !orch_.commit(*this)) return NGX_ERROR;
    if (seen.error.set()) {
        error_ = seen.error;
        reason_ = traits(error_.kind).name;
    } else if (!status.ok()) {
        set_error(status);
    } else {
        if (seen.complete) timer_.start(kDrainTime);
        return NGX_OK;
    }
    return NGX_ERROR;
}

ngx_int_t Attempt::on_subrequest_end(ngx_http_request_t*, void* data, ngx_int_t) noexcept
{
    auto* self = static_cast<Attempt*>(data);
    // nginx may call this more than once for one subrequest.
    if (!self->done_) self->end();
    // Whatever happened here must not reach the main request.
    return NGX_OK;
}

void Attempt::end()
{
    done_ = true;
    ended_ = ngx_current_msec;
    timer_.stop();
    conclude();
    report();
    meter();
    if (error_.set()) {
        log_failure();
        if (!is_committed()) release_all();
    }
    orch_.wake();
}

void Attempt::meter() noexcept
{
    auto whole = static_cast<ngx_msec_int_t>(ended_ - started_);
    if (!error_.set()) return meter_.answered(first_token_, whole, seen().usage.completion);
    bool failed = traits(error_.kind).try_next && !stale_;
    failed ? meter_.failed(whole) : meter_.abandoned(first_token_, 0);
}

// The client does not take what there is: nobody reads from the provider then,
// and the client's own send_timeout runs.
bool Attempt::waits_for_client() const
{
    const ngx_http_upstream_t* u = sr_->upstream;
    return orch_.is_committed(*this) && u && (u->busy_bufs || u->out_bufs);
}

// Until the nearest of the limits that apply now; `what` names it.
ngx_msec_int_t Attempt::time_left(const char*& what) const
{
    auto left = [](ngx_msec_t since, ngx_msec_t limit) {
        return static_cast<ngx_msec_int_t>(since + limit - ngx_current_msec);
    };
    what = "total_timeout";
    ngx_msec_int_t nearest = left(started_, provider_.total_timeout);
    auto consider = [&](ngx_msec_int_t ms, const char* name) {
        if (ms >= nearest) return;
        nearest = ms;
        what = name;
    };
    if (wants_stream_ && first_token_ < 0) {
        consider(left(started_, provider_.first_token_timeout), "first_token_timeout");
    } else if (wants_stream_) {
        ngx_msec_t since = waits_for_client() ? ngx_current_msec : last_read_;
        consider(left(since, provider_.idle_timeout), "idle_timeout");
    }
    return nearest;
}

void Attempt::arm()
{
    const char* what;
    timer_.start(static_cast<ngx_msec_t>(ngx_max(time_left(what), 1)));
}

void Attempt::on_timer()
{
    const char* what;
    if (stream_ && stream_->seen().complete) return expire(nullptr);
    ngx_msec_int_t left = time_left(what);
    if (left > 0) return timer_.start(static_cast<ngx_msec_t>(left));
    expire(what);
}

void Attempt::expire(const char* what)
{
    concluded_ = true;
    if (what) meter_.failed(static_cast<ngx_msec_int_t>(ngx_current_msec - started_));
    if (!what) {
        empty_ = !stream_->seen().content;
    } else {
        error_ = make_error(ErrorClass::timeout, "The upstream did not answer in time.");
        reason_ = what;
        log_failure();
    }
    cancel();
    orch_.wake();
}

}  // namespace llm::ngx
