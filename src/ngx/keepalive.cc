// A client that waits for the first token: what is between it and the gateway may
// take a silent connection for a dead one.
#include "client/completions/completions.hpp"
#include "ngx/attempt.hpp"
#include "ngx/orchestrator.hpp"
#include "ngx/respond.hpp"

namespace llm::ngx {

void Orchestrator::on_keepalive()
{
    if (finished_ || committed_) return;
    ngx_int_t rc = guarded(r_->connection->log, [&] {
        if (!std::exchange(opened_, true) && !open_stream()) return ngx_int_t{NGX_ERROR};
        ngx_chain_t* out = make_chain(r_, ": keepalive\n\n", false);
        return out ? ngx_http_output_filter(r_, out) : ngx_int_t{NGX_ERROR};
    });
    if (rc == NGX_ERROR) return finish(NGX_ERROR);
    keepalive_.start(conf_.keepalive);
}

// The head said 200 already.
void Orchestrator::fail_in_band(const chat::ApiError& error)
{
    ctx_.record.error = error.name_text();
    client::AnswerOptions options;
    options.id = fallback_id();
    options.created = ngx_time();
    options.model = asked_model_;
    std::unique_ptr<client::StreamWriter> writer = completions::kFormat.stream(options);
    Rope text;
    if (traced_) writer->annotate("llm_trace", trace_.json(), text);
    writer->fail(error, text);
    ngx_chain_t* out = make_chain(r_, text.str(), true);
    finish(out ? ngx_http_output_filter(r_, out) : NGX_ERROR);
}

}  // namespace llm::ngx
