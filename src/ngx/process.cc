#include "ngx/process.hpp"

#include "ngx/conf.hpp"
#include "ngx/context.hpp"
#include "ngx/load.hpp"
#include "ngx/orchestrator.hpp"
#include "ngx/prices.hpp"
#include "ngx/resolve.hpp"
#include "ngx/zone.hpp"

namespace llm::ngx {

namespace {

// The configuration of http{}, or null when there is none.
MainConf* conf_of(ngx_cycle_t* cycle) noexcept
{
    return static_cast<MainConf*>(ngx_http_cycle_get_module_main_conf(cycle, ngx_http_llm_gateway_module));
}

// nginx runs the hooks in its cache processes too.
bool is_worker() noexcept
{
    return ngx_process == NGX_PROCESS_WORKER || ngx_process == NGX_PROCESS_SINGLE;
}

}  // namespace

ngx_int_t init_process(ngx_cycle_t* cycle)
{
    MainConf* conf = conf_of(cycle);
    if (!conf || !is_worker()) return NGX_OK;
    return guarded(cycle->log, [&] {
        if (init_auth(cycle->log) != NGX_OK) return ngx_int_t{NGX_ERROR};
        ZoneWorker* row = claim_worker(*conf);
        set_worker_row(row);
        if (row) claim_counts(*conf, index_of(*conf, *row));
        start_resolving(*conf);
        start_checking_prices(*conf);
        return ngx_int_t{NGX_OK};
    });
}

void exit_process(ngx_cycle_t* cycle)
{
    MainConf* conf = conf_of(cycle);
    if (!conf || !is_worker()) return;
    stop_resolving(*conf);
    stop_checking_prices(*conf);
    forget_counts();
    release_worker(*conf, worker_row());
    set_worker_row(nullptr);
    exit_auth();
}

}  // namespace llm::ngx
