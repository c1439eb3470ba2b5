#pragma once

#include <string>
#include <vector>

#include "ngx/conf.hpp"
#include "policy/prices.hpp"

namespace llm::ngx {

struct Target;

struct PriceFile {
    std::string path;
    // What was read last, or could not be.
    ngx_file_uniq_t inode = 0;
    timespec changed = {};
};

// The files of llm_prices. Each worker looks for itself whether they have
// changed.
struct PriceFiles {
    static constexpr ngx_msec_t kNever = NGX_CONF_UNSET_MSEC;

    policy::PriceBook book;
    std::vector<PriceFile> files;  // a later one replaces models of those before
    ngx_msec_t check = kNever;     // between two looks
    ngx_event_t timer = {};
};

void start_checking_prices(MainConf& conf);
void stop_checking_prices(MainConf& conf) noexcept;

// The prices of a target: its own, its provider's or the files'; empty without.
// Not to be kept: they change when a file does.
policy::Rates rates_of(const MainConf& conf, const Target& target);

}  // namespace llm::ngx
