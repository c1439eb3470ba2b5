#pragma once

#include <cstdint>
#include <string_view>

#include "ngx/conf.hpp"

// What all workers share (llm_zone). Plain data only: it outlives reloads and
// worker crashes. Its mutex is the zone's own, the only one that the master
// unlocks for a dead worker; counters are written without it.
namespace llm::ngx {

// A client key, known by its SHA-256.
struct ZoneKey {
    static constexpr size_t kMaxName = 63;

    ZoneKey* next;
    u_char digest[32];
    char project[kMaxName + 1];
    char id[kMaxName + 1];
    // Configurations that know it. A reload that fails after the zone was
    // changed leaves the former configuration with the keys it had.
    uint64_t first_generation;
    uint64_t last_generation;
};

// What one worker does now. Only its owner writes to a row. A row whose owner
// is dead is taken by the next worker: the one that follows it in its slot, or
// any other that finds the process gone.
struct ZoneWorker {
    ngx_atomic_t pid;     // 0: free
    ngx_uint_t slot;      // ngx_worker
    uint64_t generation;  // of its configuration
    ngx_atomic_t active;  // requests in hand
};

// Counted since the zone was made, in all workers.
struct ZoneCounters {
    ngx_atomic_t unpriced;  // answers with tokens that had no price
};

// Holds the zone's mutex; without a zone there is nobody to keep out.
class Lock {
public:
    explicit Lock(Zone* zone) noexcept;
    ~Lock();
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

private:
    ngx_shmtx_t* mutex_;
};

// A part of the zone with its own layout. A part whose version is another one
// after a reload is built anew; the others stay.
struct ZoneSection {
    uint32_t version;
    uint32_t size;
    void* data;
};

struct Zone {
    static constexpr size_t kMaxName = ZoneKey::kMaxName;
    static constexpr uint32_t kMagic = 0x4c4c4d5a;  // "LLMZ"
    static constexpr size_t kWorkers = 256;

    enum Section : uint8_t { keys, workers, loads, counters, targets, credentials, sections_ };

    uint32_t magic;
    uint64_t generation;  // of the last configuration that was loaded
    ngx_slab_pool_t* pool;
    ZoneSection sections[sections_];
};

struct KeyMatch {
    char project[ZoneKey::kMaxName + 1];
    char id[ZoneKey::kMaxName + 1];
};

// Looks up a digest among the keys of a configuration.
bool find_key(const MainConf& conf, const u_char (&digest)[32], KeyMatch& out);

// The calling worker's row, or null without a zone or a free row.
ZoneWorker* claim_worker(const MainConf& conf);
void release_worker(const MainConf& conf, ZoneWorker* row) noexcept;
size_t index_of(const MainConf& conf, const ZoneWorker& row) noexcept;

void count_unpriced(const MainConf& conf) noexcept;
ngx_uint_t unpriced_answers(const MainConf& conf) noexcept;

// Whether the worker with that row's content is still there. Called under the lock.
bool is_alive(const MainConf& conf, ngx_pid_t pid, uint64_t generation) noexcept;

// Requests in hand in all living workers.
ngx_uint_t active_requests(const MainConf& conf);

}  // namespace llm::ngx
