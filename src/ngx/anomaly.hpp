#pragma once

#include <string_view>

#include "ngx/conf.hpp"

namespace llm::ngx {

// A file of llm_anomaly_log; `file` is null for "off".
struct AnomalyLog {
    ngx_open_file_t* file = nullptr;
    time_t complained = 0;  // that it could not be written
};

// An answer of a provider that could not be used as it was. Nothing in here
// comes from its text.
struct Anomaly {
    std::string_view kind;
    std::string_view place;
    std::string_view provider;
    std::string_view model;
    ngx_uint_t status = 0;
    ngx_uint_t attempt = 0;  // which of the request's, from 1
    size_t bytes = 0;        // of the answer's body
    ngx_msec_int_t ms = 0;   // since the attempt began
    bool stream = false;
};

bool has_anomaly_log(const LocConf& conf) noexcept;

// One line of JSON, where the location has a log.
void log_anomaly(ngx_http_request_t* r, const Anomaly& anomaly);

}  // namespace llm::ngx
