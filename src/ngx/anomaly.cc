// llm_anomaly_log
#include "ngx/anomaly.hpp"

#include <cstdio>

#include "json/writer.hpp"
#include "ngx/attempt.hpp"
#include "ngx/respond.hpp"

namespace llm::ngx {

using chat::ErrorClass;

namespace {

// RFC 3339 in UTC with milliseconds: what databases read as a time.
std::string timestamp()
{
    const ngx_time_t* now = ngx_timeofday();
    ngx_tm_t tm;
    ngx_gmtime(now->sec, &tm);
    char text[64];
    int n = std::snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.ngx_tm_year, tm.ngx_tm_mon,
                          tm.ngx_tm_mday, tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec, static_cast<int>(now->msec));
    return {text, static_cast<size_t>(n)};
}

std::string line_of(ngx_http_request_t* r, const Anomaly& a)
{
    Rope out = Rope::copying();
    json::Writer w(out);
    {
        auto line = w.object();
        w.string_member("time", timestamp());
        w.string_member("request_id", request_id(r));
        w.string_member("provider", a.provider);
        w.string_member("model", a.model);
        w.string_member("kind", a.kind);
        w.string_member("place", a.place);
        w.member("status", static_cast<uint64_t>(a.status));
        w.member("bytes", static_cast<uint64_t>(a.bytes));
        w.member("attempt", static_cast<uint64_t>(a.attempt));
        w.member("ms", static_cast<uint64_t>(ngx_max(a.ms, 0)));
        w.key("stream").boolean(a.stream);
    }
    out.append('\n');
    return out.str();
}

}  // namespace

// llm_anomaly_log FILE | off
char* set_anomaly_log(ngx_conf_t* cf, ngx_command_t*, void* object)
{
    auto& conf = *static_cast<LocConf*>(object);
    if (conf.anomalies) return const_cast<char*>("is duplicate");
    conf.anomalies = make_in_pool<AnomalyLog>(cf->pool);
    if (!conf.anomalies) return static_cast<char*>(NGX_CONF_ERROR);
    ngx_str_t* path = static_cast<ngx_str_t*>(cf->args->elts) + 1;
    if (view(*path) == "off") return NGX_CONF_OK;
    // nginx opens it, and again when it is told to (USR1).
    conf.anomalies->file = ngx_conf_open_file(cf->cycle, path);
    return conf.anomalies->file ? NGX_CONF_OK : static_cast<char*>(NGX_CONF_ERROR);
}

bool has_anomaly_log(const LocConf& conf) noexcept
{
    return conf.anomalies && conf.anomalies->file;
}

void log_anomaly(ngx_http_request_t* r, const Anomaly& anomaly)
{
    const LocConf& conf = *loc_conf(r);
    if (!has_anomaly_log(conf)) return;
    AnomalyLog& log = *conf.anomalies;
    std::string line = line_of(r, anomaly);
    ssize_t n = ngx_write_fd(log.file->fd, line.data(), line.size());
    if (n == static_cast<ssize_t>(line.size()) || ngx_time() - log.complained < 60) return;
    log.complained = ngx_time();
    ngx_log_error(NGX_LOG_ERR, r->connection->log, n == -1 ? ngx_errno : 0,
                  "llm: anomaly log \"%V\" could not be written", &log.file->name);
}

// What has become of it is known.
void Attempt::note_anomalies()
{
    if (!has_anomaly_log(orch_.conf())) return;
    const relay::Seen& seen = this->seen();
    Anomaly a;
    a.provider = view(provider_.name);
    a.model = target_.model;
    a.status = status_.code;
    a.attempt = orch_.number_of(*this);
    a.bytes = received_;
    a.ms = static_cast<ngx_msec_int_t>(ended_ - started_);
    a.stream = wants_stream_;
    // Of refused connections and of errors that a provider tells nothing is to be
    // learnt about its answers.
    bool broken_off = error_.kind == ErrorClass::interrupted;
    if (error_.set() && !broken_off && error_.kind != ErrorClass::protocol) return;
    if (error_.set()) {
        a.kind = broken_off ? "interrupted" : "protocol";
        a.place = reason_;
        log_anomaly(orch_.request(), a);
    } else if (seen.flaw != relay::Flaw::none) {
        a.kind = relay::code_of(seen.flaw);
        a.place = seen.place;
        log_anomaly(orch_.request(), a);
    }
    chat::Usage usage = seen.usage;
    if (usage.known && !usage.mend()) {
        a.kind = "usage";
        a.place = "usage";
        log_anomaly(orch_.request(), a);
    }
}

}  // namespace llm::ngx
