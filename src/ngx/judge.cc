// How an attempt has ended: an answer, or why there is none.
#include <openssl/x509.h>

#include <utility>

#include "ngx/attempt.hpp"
#include "relay/relay.hpp"

namespace llm::ngx {

using chat::ErrorClass;

void Attempt::set_error(ErrorClass kind, std::string_view reason)
{
    error_ = make_error(kind, "The upstream's answer cannot be used: " + std::string(reason) + '.');
    reason_ = reason;
}

void Attempt::set_error(Status status)
{
    error_ = relay::error_of(status);
    reason_ = status.at;
}

// What has been seen of the answer counts for nothing, it may not have been
// written.
void Attempt::give_up() noexcept
{
    error_.kind = ErrorClass::internal;
    error_.message = "Out of memory.";  // short enough to need none
    reason_ = traits(error_.kind).name;
}

// A provider may quote what it was sent.
void Attempt::hide_secrets()
{
    for (std::string* text : {&error_.message, &error_.param, &error_.code, &error_.type}) {
        providers::hide_secrets(head_, *text);
    }
}

// Once: before nginx gives the peer back, or where there was none.
void Attempt::conclude() noexcept
{
    if (std::exchange(concluded_, true)) return;
    ngx_int_t rc = guarded(orch_.request()->connection->log, [&] {
        judge();
        hide_secrets();
        note_anomalies();
        return ngx_int_t{NGX_OK};
    });
    if (rc != NGX_OK) give_up();
}

void Attempt::judge()
{
    // What made us give up in the middle is the reason already.
    if (error_.set()) return;
    switch (mode_) {
        case Mode::head:
            return judge_connection();
        case Mode::error:
            return judge_error();
        case Mode::whole:
            return judge_whole();
        case Mode::stream:
            return judge_stream();
    }
}

void Attempt::judge_connection()
{
    if (rc_ == NGX_HTTP_GATEWAY_TIME_OUT) {
        error_ = make_error(ErrorClass::timeout, "The upstream did not answer in time.");
        reason_ = "timed out";
        return;
    }
    if (answered_) return set_error(ErrorClass::protocol, "no valid response head");
    error_ = make_error(ErrorClass::connect, "The upstream could not be reached.");
    reason_ = "no response";
    if (tls_failed_ && tls_error_ != X509_V_OK) {
        reason_ = X509_verify_cert_error_string(tls_error_);
    } else if (tls_failed_) {
        reason_ = "TLS handshake failed or the certificate is for another name";
    }
}

void Attempt::judge_error()
{
    // What was coded, though nobody had asked for it, says nothing.
    std::string_view body = reply_.encoded() ? std::string_view() : body_;
    error_ = providers::decode_error(endpoint_, static_cast<int>(status_.code), body);
    reason_ = traits(error_.kind).name;
    if (error_.kind == ErrorClass::upstream_rate_limited || error_.kind == ErrorClass::upstream_overloaded) {
        int64_t ms = reply_.retry_after_ms();
        if (ms >= 0) error_.retry_after_ms = ms;  // rather than what the body says
    }
}

void Attempt::judge_whole()
{
    if (rc_ != NGX_OK) return set_error(fail(Errc::truncated, "connection closed in the middle of the answer"));
    bool good = relay::relay_answer(body_, relay_options(), output_, seen_);
    if (!good) {
        error_ = seen_.error;
        reason_ = reply_.media() == wire::Media::html ? "HTML instead of JSON" : traits(error_.kind).name;
    } else if (wants_stream_) {
        set_error(ErrorClass::protocol, "whole answer where a stream was asked for");
    } else {
        empty_ = !seen_.content;
    }
}

void Attempt::judge_stream()
{
    if (stream_->seen().complete) {
        empty_ = !stream_->seen().content;
        return;
    }
    if (rc_ != NGX_OK) return set_error(fail(Errc::truncated, "connection closed in the middle of the stream"));
    Status status = stream_->end(output_);
    const relay::Seen& seen = stream_->seen();
    if (seen.error.set()) {
        error_ = seen.error;
        reason_ = traits(error_.kind).name;
    } else if (!status.ok()) {
        set_error(status);
    } else {
        empty_ = !seen.content;
    }
}

void Attempt::log_failure() const
{
    ngx_str_t reason = borrow(reason_);
    ngx_log_t* log = orch_.request()->connection->log;
    // What the client's connection is at has no part in this.
    char* action = std::exchange(log->action, nullptr);
    if (status_.code > 0 && mode_ != Mode::head) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "llm: upstream \"%V\" answered %ui: %V", &provider_.name, status_.code,
                      &reason);
    } else {
        ngx_log_error(NGX_LOG_ERR, log, 0, "llm: upstream \"%V\" failed: %V", &provider_.name, &reason);
    }
    log->action = action;
}

}  // namespace llm::ngx
