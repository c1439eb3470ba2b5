#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/rope.hpp"
#include "chat/pricer.hpp"
#include "dialects/dialect.hpp"
#include "ngx/health.hpp"
#include "ngx/load.hpp"
#include "ngx/orchestrator.hpp"
#include "ngx/timer.hpp"
#include "relay/stream.hpp"
#include "wire/reply_head.hpp"

namespace llm::ngx {

// One exchange with a provider: a background subrequest that runs an upstream
// of our own. It never writes to the client; filters swallow what the
// subrequest puts out.
//
// Owned by its orchestrator. It may be cancelled at any time but from within
// its own callbacks.
class Attempt final : private chat::Pricer, private relay::Tracer {
public:
    Attempt(Orchestrator& orchestrator, const Target& target);
    ~Attempt();
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    // Whether the target may be asked now.
    bool enter(Asking asking);

    std::string_view obstacle() const noexcept { return admission_.obstacle; }

    // Writes the provider's request; false: `error` says what it cannot carry.
    bool encode(chat::ApiError& error);

    // Starts. False: no memory.
    bool launch();

    // Closes the connection at once. No callback follows.
    void cancel() noexcept;

    // The same, as another one was faster.
    void lose() noexcept;

    // The client can be written to again: moves what waits for it.
    void pump() noexcept;

    // The request's bytes are no longer needed.
    void release_request() noexcept;

    const Target& target() const noexcept { return target_; }
    bool done() const noexcept { return done_; }
    // Once, when it is over.
    bool take_end() noexcept { return done_ && !std::exchange(end_taken_, true); }
    // How long it took, or has taken so far.
    ngx_msec_t took() const noexcept { return (done_ ? ended_ : ngx_current_msec) - started_; }
    ngx_msec_int_t first_token() const noexcept { return first_token_; }
    const relay::Seen& seen() const noexcept { return stream_ ? stream_->seen() : seen_; }
    const wire::ReplyHead& reply() const noexcept { return reply_; }
    // Of its answer, 0 without one.
    ngx_uint_t status() const noexcept { return status_.code; }
    const std::string& dropped() const noexcept { return encoded_.dropped.names(); }

    // After done(): why there is no answer, unset when there is one.
    const chat::ApiError& error() const noexcept { return error_; }
    // After done(): what may be tried at the same target.
    const Standing& standing() const noexcept { return standing_; }
    std::string_view reason() const noexcept { return reason_; }
    // It died on a reused connection before a byte came back.
    bool stale() const noexcept { return stale_; }
    // A complete answer that had nothing in it.
    bool empty() const noexcept { return empty_; }

    // What the client is to get: a whole answer, or what a stream has left.
    Rope& output() noexcept { return output_; }

    bool is_committed() const noexcept { return orch_.is_committed(*this); }

    // The first content has come, and it is the client's answer: what is known
    // of the target may change now.
    void promote();

    // Appends the chunk that ends a stream which has failed.
    void write_failure() { stream_->fail(error_, output_); }

    // nginx's side of it (upstream.cc).
    static constexpr size_t kStreamRead = 8192;
    static ngx_int_t content_handler(ngx_http_request_t* sr) noexcept;
    static Attempt* of(const ngx_http_request_t* sr) noexcept;  // null for the main request

private:
    friend struct UpstreamHooks;

    static constexpr size_t kOutputBuffer = 4096;
    static constexpr size_t kSmallBuffer = 1024;
    static constexpr size_t kErrorBody = 65536;     // of an error body this much is read
    static constexpr size_t kHeld = 65536;          // of a stream before its first content
    static constexpr ngx_msec_t kDrainTime = 1000;  // for a stream's framing to end after its last event

    std::optional<chat::Money> cost(const chat::Usage& usage) const override;
    std::string trace() const override;

    ngx_int_t start_upstream(ngx_http_request_t* sr);
    ngx_int_t create_request(ngx_http_request_t* sr);
    ngx_int_t process_status(ngx_http_request_t* sr);
    ngx_int_t process_header(ngx_http_request_t* sr);
    ngx_int_t header_done(ngx_http_request_t* sr);
    bool note_header(std::string_view name, std::string_view value);
    ngx_int_t init_body(ngx_http_request_t* sr);
    ngx_int_t read_body(ngx_http_request_t* sr, ssize_t bytes);
    ngx_int_t take(std::string_view bytes);
    ngx_int_t take_stream(std::string_view bytes);
    static ngx_chain_t* output_buffer(ngx_http_request_t* sr, size_t wanted);
    static void share_buffer(ngx_http_request_t* sr) noexcept;
    ngx_int_t finish_read(ngx_http_request_t* sr);
    void choose_mode();
    void reset_reply(ngx_http_request_t* sr);

    void on_upstream_end(ngx_int_t rc);
    void give_up() noexcept;  // after an exception
    static ngx_int_t on_subrequest_end(ngx_http_request_t* sr, void* data, ngx_int_t rc) noexcept;
    void end();
    void conclude() noexcept;
    void report() noexcept;
    void judge();
    void note_anomalies();
    void judge_connection();
    void judge_error();
    void judge_whole();
    void judge_stream();
    // `reason` is static text for the log and, as a sentence, for the client.
    void set_error(chat::ErrorClass kind, std::string_view reason);
    void set_error(Status status);
    void hide_secrets();
    void release_all() noexcept;
    void meter() noexcept;  // what it tells of the target's load
    void log_failure() const;
    void arm();  // the timer, for the nearest limit
    void on_timer();
    ngx_msec_int_t time_left(const char*& what) const;
    bool waits_for_client() const;
    void expire(const char* what);
    relay::Options relay_options() const;

    enum class Mode : uint8_t { head, whole, error, stream };

    Orchestrator& orch_;
    const Target& target_;
    const ProviderConf& provider_;
    const providers::Endpoint& endpoint_;
    bool wants_stream_;

    Admission admission_;
    Standing standing_;
    bool reported_ = true;  // nothing is held of the target's health
    dialects::EncodedRequest encoded_;
    std::string head_;
    std::unique_ptr<ngx_buf_t[]> bufs_;
    std::unique_ptr<ngx_chain_t[]> links_;

    ngx_http_request_t* sr_ = nullptr;
    ngx_http_posted_request_t posted_ = {};
    Mode mode_ = Mode::head;
    ngx_http_status_t status_ = {};
    ngx_http_chunked_t chunked_ = {};
    size_t framing_ = 0;  // bytes of it since the last of the body
    wire::ReplyHead reply_;
    off_t content_length_ = -1;
    bool is_chunked_ = false;
    bool close_ = false;         // the connection ends with this answer
    bool framed_twice_ = false;  // the same framing header twice
    ngx_uint_t interim_ = 0;     // 1xx responses

    std::string body_;
    size_t received_ = 0;  // bytes of the body
    std::unique_ptr<relay::Stream> stream_;
    relay::Seen seen_;
    Rope output_;

    Timer<Attempt, &Attempt::on_timer> timer_;
    ngx_msec_t started_ = 0;
    ngx_msec_t last_read_ = 0;
    ngx_msec_t ended_ = 0;
    ngx_msec_int_t first_token_ = -1;
    LoadMeter meter_;

    ngx_int_t rc_ = NGX_OK;  // how nginx's upstream ended
    chat::ApiError error_;
    std::string_view reason_;  // of error_, for the log
    bool answered_ = false;    // something came back
    bool tls_failed_ = false;
    long tls_error_ = 0;  // of the certificate, X509_V_OK when it was not that
    bool started_upstream_ = false;
    bool done_ = false;
    bool concluded_ = false;  // it has been judged
    bool end_taken_ = false;
    bool stale_ = false;
    bool empty_ = false;
};

}  // namespace llm::ngx
