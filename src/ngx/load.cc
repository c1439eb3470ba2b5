#include "ngx/load.hpp"

#include <algorithm>
#include <atomic>

#include "ngx/zone.hpp"

namespace llm::ngx {

// Everything in here is read and written by several processes at once.
struct LoadRow {
    uint64_t id;    // 0: free
    uint64_t used;  // load_time()
    uint64_t first_token;
    uint64_t per_token;
    uint64_t whole;
};

namespace {

constexpr uint32_t kVersion = 1;
constexpr uint32_t kWays = 8;  // rows that a target can be in
constexpr uint32_t kMinRows = 16;
constexpr uint32_t kMaxRows = 1024;
constexpr size_t kShare = 8192;  // bytes of the zone for each row

struct LoadTable {
    uint32_t rows;                     // a power of two
    uint32_t workers;                  // so many of `counts` have been in use
    uint32_t* counts[Zone::kWorkers];  // each worker's own: attempts in hand by row
    LoadRow row[1];
};

// The calling worker's counts.
uint32_t* own_counts = nullptr;

template <class T>
std::atomic_ref<T> shared(T& word) noexcept
{
    return std::atomic_ref<T>(word);
}
uint64_t read(const uint64_t& word) noexcept
{
    return shared(const_cast<uint64_t&>(word)).load(std::memory_order_relaxed);
}
static_assert(std::atomic_ref<uint64_t>::is_always_lock_free);

LoadTable* table_of(const Zone* zone) noexcept
{
    return zone ? static_cast<LoadTable*>(zone->sections[Zone::loads].data) : nullptr;
}

uint32_t sum(const LoadTable& table, size_t row) noexcept
{
    uint32_t n = 0;
    uint32_t workers = shared(const_cast<uint32_t&>(table.workers)).load(std::memory_order_acquire);
    for (uint32_t i = 0; i < workers; i++) {
        uint32_t* counts = table.counts[i];
        if (counts) n += shared(counts[row]).load(std::memory_order_relaxed);
    }
    return n;
}

// Samples of other workers may come between; one that is beaten again and again
// is not worth more.
void learn(uint64_t& word, ngx_msec_int_t sample) noexcept
{
    auto value = static_cast<uint32_t>(std::clamp<ngx_msec_int_t>(sample, 0, policy::Average::kMaxSample));
    uint64_t before = read(word);
    for (int tries = 0; tries < 4; tries++) {
        uint64_t after = policy::Average(before).with(value, load_time()).word();
        if (shared(word).compare_exchange_weak(before, after, std::memory_order_relaxed)) return;
    }
}

void clear(LoadRow& row) noexcept
{
    for (uint64_t* word : {&row.first_token, &row.per_token, &row.whole}) {
        shared(*word).store(0, std::memory_order_relaxed);
    }
}

size_t place(const LoadTable& table, uint64_t id, uint32_t way) noexcept
{
    return (static_cast<size_t>(id >> 1) + way) & (table.rows - 1);
}

// Of the rows that the target can be in, the one that was used longest ago and
// where nothing is in hand.
LoadRow* make_room(LoadTable& table, uint64_t id) noexcept
{
    LoadRow* oldest = nullptr;
    for (uint32_t i = 0; i < kWays; i++) {
        size_t at = place(table, id, i);
        LoadRow& row = table.row[at];
        bool older = !oldest || read(row.used) < read(oldest->used);
        if (older && sum(table, at) == 0) oldest = &row;
    }
    if (!oldest) return nullptr;
    uint64_t former = read(oldest->id);
    if (!shared(oldest->id).compare_exchange_strong(former, id, std::memory_order_relaxed)) return nullptr;
    clear(*oldest);
    shared(oldest->used).store(load_time(), std::memory_order_relaxed);
    return oldest;
}

}  // namespace

uint64_t target_id(std::string_view provider, std::string_view model) noexcept
{
    return policy::hash(model, policy::hash(provider, 1)) | 1;  // 0 is no target
}

uint64_t load_time() noexcept
{
    return ngx_current_msec / 1000;
}

LoadRow* find_load(const MainConf& conf, uint64_t id) noexcept
{
    LoadTable* table = table_of(conf.shared);
    if (!table) return nullptr;
    for (uint32_t i = 0; i < kWays; i++) {
        LoadRow& row = table->row[place(*table, id, i)];
        uint64_t there = read(row.id);
        if (there == 0 && shared(row.id).compare_exchange_strong(there, id, std::memory_order_relaxed)) there = id;
        if (there != id) continue;
        shared(row.used).store(load_time(), std::memory_order_relaxed);
        return &row;
    }
    return make_room(*table, id);
}

const LoadRow* look_at_load(const MainConf& conf, uint64_t id) noexcept
{
    const LoadTable* table = table_of(conf.shared);
    for (uint32_t i = 0; table && i < kWays; i++) {
        const LoadRow& row = table->row[place(*table, id, i)];
        if (read(row.id) == id) return &row;
    }
    return nullptr;
}

uint32_t active_at(const MainConf& conf, const LoadRow& row) noexcept
{
    const LoadTable* table = table_of(conf.shared);
    return table ? sum(*table, static_cast<size_t>(&row - table->row)) : 0;
}

policy::Speed speed_of(const LoadRow& row) noexcept
{
    return {policy::Average(read(row.first_token)), policy::Average(read(row.per_token)),
            policy::Average(read(row.whole))};
}

// --- an attempt -----------------------------------------------------------------

void LoadMeter::begin(const MainConf& conf, uint64_t id, bool stream) noexcept
{
    release();
    row_ = find_load(conf, id);
    id_ = id;
    stream_ = stream;
    if (!row_ || !own_counts) return;
    count_ = &own_counts[row_ - table_of(conf.shared)->row];
    shared(*count_).fetch_add(1, std::memory_order_relaxed);
}

void LoadMeter::answered(ngx_msec_int_t first, ngx_msec_int_t whole, int64_t tokens) noexcept
{
    constexpr int64_t kMicro = 1000;
    // Another target may have got the row.
    if (row_ && read(row_->id) == id_) {
        if (!stream_) learn(row_->whole, whole);
        if (stream_ && first >= 0) learn(row_->first_token, first);
        if (stream_ && first >= 0 && tokens > 1) {
            learn(row_->per_token, static_cast<ngx_msec_int_t>((whole - first) * kMicro / (tokens - 1)));
        }
    }
    release();
}

void LoadMeter::failed(ngx_msec_int_t after) noexcept
{
    if (row_ && read(row_->id) == id_) learn(waiting(), ngx_max(after, static_cast<ngx_msec_int_t>(policy::kFailure)));
    release();
}

void LoadMeter::abandoned(ngx_msec_int_t first, ngx_msec_int_t after) noexcept
{
    if (row_ && read(row_->id) == id_) {
        policy::Average known(read(waiting()));
        if (first >= 0) {
            learn(waiting(), first);
        } else if (known.known() && after > static_cast<ngx_msec_int_t>(known.value())) {
            learn(waiting(), after);
        }
    }
    release();
}

void LoadMeter::release() noexcept
{
    uint32_t* count = std::exchange(count_, nullptr);
    // A worker that ends has given all of them back at once.
    if (count && own_counts) shared(*count).fetch_sub(1, std::memory_order_relaxed);
    row_ = nullptr;
}

uint64_t& LoadMeter::waiting() noexcept
{
    return stream_ ? row_->first_token : row_->whole;
}

// --- the zone -------------------------------------------------------------------

void build_loads(Zone& zone, size_t zone_size) noexcept
{
    ZoneSection& s = zone.sections[Zone::loads];
    if (s.data && s.version == kVersion && s.size == sizeof(LoadRow)) return;
    uint32_t rows = kMinRows;
    while (rows < kMaxRows && rows * kShare < zone_size) rows *= 2;
    size_t size = offsetof(LoadTable, row) + rows * sizeof(LoadRow);
    auto* table = static_cast<LoadTable*>(ngx_slab_calloc_locked(zone.pool, size));
    if (table) table->rows = rows;
    s = {kVersion, sizeof(LoadRow), table};
}

void claim_counts(const MainConf& conf, size_t worker) noexcept
{
    LoadTable* table = table_of(conf.shared);
    if (!table) return;
    uint32_t*& counts = table->counts[worker];
    if (!counts) {
        counts = static_cast<uint32_t*>(ngx_slab_calloc(conf.shared->pool, table->rows * sizeof(uint32_t)));
    }
    if (!counts) return;
    // Others may sum at this moment: the number comes after what it covers.
    uint32_t known = shared(table->workers).load(std::memory_order_relaxed);
    uint32_t now = ngx_max(known, static_cast<uint32_t>(worker + 1));
    while (known < now && !shared(table->workers).compare_exchange_weak(known, now)) continue;
    own_counts = counts;
}

void clear_counts(Zone& zone, size_t worker) noexcept
{
    LoadTable* table = table_of(&zone);
    if (table && table->counts[worker]) ngx_memzero(table->counts[worker], table->rows * sizeof(uint32_t));
}

void forget_counts() noexcept
{
    own_counts = nullptr;
}

}  // namespace llm::ngx
