#pragma once

#include <cstdint>
#include <string_view>

#include "ngx/conf.hpp"
#include "policy/select.hpp"

// What all workers together know of targets: how many attempts they have in hand
// there and how long answers take. It stands in the zone and outlives reloads;
// without one nothing is known. No lock is taken for it: numbers may be off by a
// request that is just counted, and a worker's own counts end with the worker.
namespace llm::ngx {

struct LoadRow;

// Stands for a provider and its name for the model.
uint64_t target_id(std::string_view provider, std::string_view model) noexcept;

// The target's row, an empty one if it has had none; null without a zone, or when
// there is no room for it now.
LoadRow* find_load(const MainConf& conf, uint64_t id) noexcept;

// The same for those who only look: null if it has none.
const LoadRow* look_at_load(const MainConf& conf, uint64_t id) noexcept;

uint32_t active_at(const MainConf& conf, const LoadRow& row) noexcept;
policy::Speed speed_of(const LoadRow& row) noexcept;

// Seconds of a clock that all processes share.
uint64_t load_time() noexcept;

// What one attempt adds to it.
class LoadMeter {
public:
    LoadMeter() = default;
    ~LoadMeter() { release(); }
    LoadMeter(const LoadMeter&) = delete;
    LoadMeter& operator=(const LoadMeter&) = delete;

    void begin(const MainConf& conf, uint64_t id, bool stream) noexcept;

    // One of these ends it. Times in milliseconds since begin(); `first` is to the
    // first token, -1 where there was none; `tokens` are the answer's, 0: unknown.
    void answered(ngx_msec_int_t first, ngx_msec_int_t whole, int64_t tokens) noexcept;
    void failed(ngx_msec_int_t after) noexcept;
    // Nobody waits any more: it would have taken longer than this.
    void abandoned(ngx_msec_int_t first, ngx_msec_int_t after) noexcept;

private:
    void release() noexcept;
    uint64_t& waiting() noexcept;  // the average that its kind of answer has

    LoadRow* row_ = nullptr;
    uint64_t id_ = 0;
    uint32_t* count_ = nullptr;
    bool stream_ = false;
};

// The zone's part of it. The first is called under the zone's lock.
void build_loads(Zone& zone, size_t zone_size) noexcept;
// The calling worker's counts, for the worker's row of that index.
void claim_counts(const MainConf& conf, size_t worker) noexcept;
// Those of a worker that is no more. Called under the lock.
void clear_counts(Zone& zone, size_t worker) noexcept;
void forget_counts() noexcept;

}  // namespace llm::ngx
