#include "ngx/zone.hpp"

#include <openssl/crypto.h>

#include <csignal>

#include "ngx/health.hpp"
#include "ngx/load.hpp"

namespace llm::ngx {

Lock::Lock(Zone* zone) noexcept : mutex_(zone ? &zone->pool->mutex : nullptr)
{
    if (mutex_) ngx_shmtx_lock(mutex_);
}

Lock::~Lock()
{
    if (mutex_) ngx_shmtx_unlock(mutex_);
}

namespace {

constexpr uint32_t kKeysVersion = 1;
constexpr uint32_t kWorkersVersion = 1;
constexpr uint32_t kCountersVersion = 1;
constexpr uint32_t kTargetsVersion = 1;
constexpr uint32_t kCredentialsVersion = 1;
constexpr size_t kHealthShare = 16;  // of the zone, for what is known of targets
constexpr size_t kMinSize = 65536;

struct KeyTable {
    size_t buckets;  // a power of two
    ZoneKey* bucket[1];
};

// A digest is as good as random: its first bytes make the bucket.
size_t bucket_of(const KeyTable& table, const u_char* digest) noexcept
{
    uint32_t hash;
    ngx_memcpy(&hash, digest, sizeof(hash));
    return hash & (table.buckets - 1);
}

KeyTable* key_table(const Zone& zone) noexcept
{
    return static_cast<KeyTable*>(zone.sections[Zone::keys].data);
}

ZoneWorker* worker_rows(const Zone& zone) noexcept
{
    return static_cast<ZoneWorker*>(zone.sections[Zone::workers].data);
}

ZoneCounters* counters_of(const MainConf& conf) noexcept
{
    return conf.shared ? static_cast<ZoneCounters*>(conf.shared->sections[Zone::counters].data) : nullptr;
}

ZoneKey* find_entry(KeyTable& table, const u_char* digest) noexcept
{
    ZoneKey* key = table.bucket[bucket_of(table, digest)];
    while (key && CRYPTO_memcmp(key->digest, digest, sizeof(key->digest)) != 0) key = key->next;
    return key;
}

void store(char (&to)[ZoneKey::kMaxName + 1], const ngx_str_t& from) noexcept
{
    ngx_memzero(to, sizeof(to));
    ngx_memcpy(to, from.data, ngx_min(from.len, sizeof(to) - 1));
}

// Room for `count` keys at about one a bucket. An existing table that is much
// too small for a new configuration is left: chains get longer, not wrong.
KeyTable* create_keys(Zone& zone, size_t count)
{
    size_t buckets = 64;
    while (buckets < count) buckets *= 2;
    size_t size = offsetof(KeyTable, bucket) + buckets * sizeof(void*);
    auto* table = static_cast<KeyTable*>(ngx_slab_calloc_locked(zone.pool, size));
    if (table) table->buckets = buckets;
    return table;
}

bool is_alive(const ZoneWorker& row) noexcept
{
    return row.pid != 0 && (kill(static_cast<pid_t>(row.pid), 0) == 0 || ngx_errno != NGX_ESRCH);
}

// The oldest configuration that still has a worker; after reloads that failed
// this is not the one before the newest.
uint64_t oldest_generation(const Zone& zone) noexcept
{
    uint64_t oldest = zone.generation;
    const ZoneWorker* rows = worker_rows(zone);
    for (size_t i = 0; i < Zone::kWorkers; i++) {
        if (is_alive(rows[i])) oldest = ngx_min(oldest, rows[i].generation);
    }
    return oldest;
}

// Keys that no configuration in force has any more.
void purge_keys(Zone& zone, KeyTable& table) noexcept
{
    uint64_t oldest = oldest_generation(zone);
    for (size_t i = 0; i < table.buckets; i++) {
        for (ZoneKey** link = &table.bucket[i]; *link;) {
            ZoneKey* key = *link;
            if (key->last_generation < oldest) {
                *link = key->next;
                OPENSSL_cleanse(key->digest, sizeof(key->digest));
                ngx_slab_free_locked(zone.pool, key);
            } else {
                link = &key->next;
            }
        }
    }
}

bool load_key(Zone& zone, KeyTable& table, const ProjectConf& project, const KeyConf& conf)
{
    ZoneKey* key = find_entry(table, conf.digest);
    // A key that has moved to another project is a new one: the workers of the
    // former configuration still see the old entry.
    bool same = key && ngx_strcmp(key->project, project.name.data) == 0 && view(conf.id) == key->id;
    if (same && key->last_generation + 1 == zone.generation) {
        key->last_generation = zone.generation;
        return true;
    }
    key = static_cast<ZoneKey*>(ngx_slab_calloc_locked(zone.pool, sizeof(ZoneKey)));
    if (!key) return false;
    ngx_memcpy(key->digest, conf.digest, sizeof(key->digest));
    store(key->project, project.name);
    store(key->id, conf.id);
    key->first_generation = key->last_generation = zone.generation;
    ZoneKey** bucket = &table.bucket[bucket_of(table, conf.digest)];
    key->next = *bucket;
    *bucket = key;
    return true;
}

// A table that is not there is done without.
template <class State>
void build_table(Zone& zone, Zone::Section section, uint32_t version, size_t bytes)
{
    ZoneSection& s = zone.sections[section];
    uint32_t size = sizeof(TableRow<State>);
    if (s.data && s.version == version && s.size == size) return;
    s = {version, size, nullptr};
    uint32_t sets = Table<State>::sets_in(bytes);
    auto* table = static_cast<Table<State>*>(ngx_slab_calloc_locked(zone.pool, Table<State>::size_of(sets)));
    if (table) table->sets = sets;
    s.data = table;
}

// The sections this version of the module wants; those that fit are kept.
bool build_sections(Zone& zone, size_t keys)
{
    ZoneSection& k = zone.sections[Zone::keys];
    if (!k.data || k.version != kKeysVersion || k.size != sizeof(ZoneKey)) {
        k = {kKeysVersion, sizeof(ZoneKey), create_keys(zone, keys)};
    }
    ZoneSection& w = zone.sections[Zone::workers];
    if (!w.data || w.version != kWorkersVersion || w.size != sizeof(ZoneWorker)) {
        w = {kWorkersVersion, sizeof(ZoneWorker),
             ngx_slab_calloc_locked(zone.pool, Zone::kWorkers * sizeof(ZoneWorker))};
    }
    ZoneSection& c = zone.sections[Zone::counters];
    if (!c.data || c.version != kCountersVersion || c.size != sizeof(ZoneCounters)) {
        c = {kCountersVersion, sizeof(ZoneCounters), ngx_slab_calloc_locked(zone.pool, sizeof(ZoneCounters))};
    }
    return k.data && w.data && c.data;
}

void build_health(Zone& zone, size_t bytes)
{
    build_table<TargetState>(zone, Zone::targets, kTargetsVersion, bytes / kHealthShare);
    build_table<CredentialEntry>(zone, Zone::credentials, kCredentialsVersion, bytes / kHealthShare / 4);
}

size_t count_keys(const MainConf& conf) noexcept
{
    size_t n = 0;
    for (const ProjectConf* p : conf.projects) n += p->keys.size();
    return n;
}

ngx_int_t init_zone(ngx_shm_zone_t* shm, void*) noexcept
{
    auto* pool = reinterpret_cast<ngx_slab_pool_t*>(shm->shm.addr);
    auto* conf = static_cast<MainConf*>(shm->data);
    auto* zone = static_cast<Zone*>(pool->data);  // kept over a reload
    bool fresh = !zone || zone->magic != Zone::kMagic;

    ngx_shmtx_lock(&pool->mutex);
    // A zone that cannot hold what it must is a configuration error with a
    // message of its own.
    pool->log_nomem = 0;
    if (fresh) {
        zone = static_cast<Zone*>(ngx_slab_calloc_locked(pool, sizeof(Zone)));
        if (zone) {
            zone->magic = Zone::kMagic;
            zone->pool = pool;
            pool->data = zone;
        }
    }
    size_t keys = count_keys(*conf);
    bool fits = zone && build_sections(*zone, keys);
    if (fits) {
        zone->generation++;
        KeyTable& table = *key_table(*zone);
        for (const ProjectConf* project : conf->projects) {
            for (const KeyConf& key : project->keys) fits = fits && load_key(*zone, table, *project, key);
        }
        purge_keys(*zone, table);
        // Behind the keys: it is them that the zone must have room for.
        build_loads(*zone, shm->shm.size);
        build_health(*zone, shm->shm.size);
    }
    ngx_shmtx_unlock(&pool->mutex);

    if (!fits) {
        ngx_log_error(NGX_LOG_EMERG, shm->shm.log, 0,
                      "llm_zone \"%V\" of %uz bytes is too small for %uz client keys in %V:%ui", &shm->shm.name,
                      shm->shm.size, keys, &conf->zone_place.file, conf->zone_place.line);
        return NGX_ERROR;
    }
    conf->shared = zone;
    conf->generation = zone->generation;
    return NGX_OK;
}

}  // namespace

// llm_zone NAME SIZE
char* set_zone(ngx_conf_t* cf, ngx_command_t*, void* object)
{
    auto& conf = *static_cast<MainConf*>(object);
    if (conf.zone) return const_cast<char*>("is duplicate");
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    if (args[1].len == 0) return const_cast<char*>("needs a name");
    ssize_t size = ngx_parse_size(&args[2]);
    if (size == NGX_ERROR) return const_cast<char*>("has an invalid size");
    if (static_cast<size_t>(size) < kMinSize) return const_cast<char*>("is too small: 64k is the least");
    conf.zone = ngx_shared_memory_add(cf, &args[1], static_cast<size_t>(size), &ngx_http_llm_gateway_module);
    if (!conf.zone) return static_cast<char*>(NGX_CONF_ERROR);
    if (conf.zone->data) {
        return const_cast<char*>("has the name of another zone");
    }
    conf.zone->init = init_zone;
    conf.zone->data = &conf;
    conf.zone_place = Place::of(cf);
    return NGX_CONF_OK;
}

bool find_key(const MainConf& conf, const u_char (&digest)[32], KeyMatch& out)
{
    if (!conf.shared) return false;
    Zone& zone = *conf.shared;
    Lock lock(&zone);
    KeyTable& table = *key_table(zone);
    for (ZoneKey* key = table.bucket[bucket_of(table, digest)]; key; key = key->next) {
        bool in_force = key->first_generation <= conf.generation && conf.generation <= key->last_generation;
        if (!in_force || CRYPTO_memcmp(key->digest, digest, sizeof(key->digest)) != 0) continue;
        ngx_memcpy(out.project, key->project, sizeof(out.project));
        ngx_memcpy(out.id, key->id, sizeof(out.id));
        return true;
    }
    return false;
}

ZoneWorker* claim_worker(const MainConf& conf)
{
    if (!conf.shared) return nullptr;
    Lock lock(conf.shared);
    ZoneWorker* rows = worker_rows(*conf.shared);
    ZoneWorker* free_row = nullptr;
    for (size_t i = 0; i < Zone::kWorkers; i++) {
        ZoneWorker& row = rows[i];
        // Two processes never have one slot of one configuration.
        bool predecessor = row.pid != 0 && row.generation == conf.generation && row.slot == ngx_worker;
        if (!predecessor && is_alive(row)) continue;
        row.active = 0;
        row.pid = 0;
        clear_counts(*conf.shared, i);
        if (!free_row || predecessor) free_row = &row;
    }
    if (!free_row) return nullptr;
    free_row->slot = ngx_worker;
    free_row->generation = conf.generation;
    free_row->pid = static_cast<ngx_atomic_uint_t>(ngx_pid);
    return free_row;
}

void release_worker(const MainConf& conf, ZoneWorker* row) noexcept
{
    if (!row) return;
    clear_counts(*conf.shared, index_of(conf, *row));
    row->active = 0;
    row->pid = 0;
}

size_t index_of(const MainConf& conf, const ZoneWorker& row) noexcept
{
    return static_cast<size_t>(&row - worker_rows(*conf.shared));
}

void count_unpriced(const MainConf& conf) noexcept
{
    if (ZoneCounters* counters = counters_of(conf)) ngx_atomic_fetch_add(&counters->unpriced, 1);
}

ngx_uint_t unpriced_answers(const MainConf& conf) noexcept
{
    const ZoneCounters* counters = counters_of(conf);
    return counters ? counters->unpriced : 0;
}

bool is_alive(const MainConf& conf, ngx_pid_t pid, uint64_t generation) noexcept
{
    if (!conf.shared) return pid == ngx_pid;
    const ZoneWorker* rows = worker_rows(*conf.shared);
    for (size_t i = 0; i < Zone::kWorkers; i++) {
        // Its successor has taken the row, should the number be another process's now.
        bool same = rows[i].pid == static_cast<ngx_atomic_uint_t>(pid) && rows[i].generation == generation;
        if (same) return is_alive(rows[i]);
    }
    return false;
}

ngx_uint_t active_requests(const MainConf& conf)
{
    if (!conf.shared) return 0;
    const ZoneWorker* rows = worker_rows(*conf.shared);
    ngx_uint_t n = 0;
    for (size_t i = 0; i < Zone::kWorkers; i++) {
        if (is_alive(rows[i])) n += rows[i].active;
    }
    return n;
}

}  // namespace llm::ngx
