#pragma once

#include <cstdint>
#include <string_view>

#include "ngx/ngx.hpp"

namespace llm::ngx {

// Two parts of a name, which are one name with a NUL between them.
struct TableName {
    std::string_view first, second;

    size_t size() const noexcept { return first.size() + 1 + second.size(); }
};

template <class State>
struct TableRow {
    uint64_t used;  // when it was last asked for, by the table's count; 0: free
    uint32_t hash;
    uint16_t length;
    char name[State::kMaxName];
    State state;
};

// Plain data under names, of fixed size: each name has a few rows that it can be
// in, and the one of them that was asked for longest ago makes room. There are
// no links, so a worker that dies in the middle of a change leaves a table that
// is whole. The zone's lock is the caller's business.
template <class State>
struct Table {
    static constexpr uint32_t kWays = 16;
    static constexpr uint32_t kMaxSets = 128;

    uint32_t sets;
    uint64_t uses;
    TableRow<State> rows[1];

    static constexpr size_t size_of(uint32_t sets) noexcept
    {
        return offsetof(Table, rows) + size_t{sets} * kWays * sizeof(TableRow<State>);
    }
    static constexpr uint32_t sets_in(size_t bytes) noexcept
    {
        uint32_t n = 1;
        while (n < kMaxSets && size_of(2 * n) <= bytes) n *= 2;
        return n;
    }

    // The state under that name, a new one if there is none.
    State& at(const TableName& name) noexcept
    {
        uint32_t hash = hash_of(name);
        TableRow<State>* set = rows + size_t{hash & (sets - 1)} * kWays;
        TableRow<State>* oldest = set;
        for (TableRow<State>* row = set; row < set + kWays; row++) {
            if (row->used && row->hash == hash && is(*row, name)) return touch(*row);
            if (row->used < oldest->used) oldest = row;
        }
        oldest->used = 0;
        oldest->state = State{};
        oldest->hash = hash;
        put(*oldest, name);
        return touch(*oldest);
    }

    // The state under that name, null if there is none. It gets no older by it.
    const State* find(const TableName& name) const noexcept
    {
        uint32_t hash = hash_of(name);
        const TableRow<State>* set = rows + size_t{hash & (sets - 1)} * kWays;
        for (const TableRow<State>* row = set; row < set + kWays; row++) {
            if (row->used && row->hash == hash && is(*row, name)) return &row->state;
        }
        return nullptr;
    }

    size_t capacity() const noexcept { return size_t{sets} * kWays; }

private:
    static u_char* bytes(std::string_view s) noexcept { return reinterpret_cast<u_char*>(const_cast<char*>(s.data())); }
    static uint32_t hash_of(const TableName& name) noexcept
    {
        return ngx_murmur_hash2(bytes(name.first), name.first.size()) * 31 +
               ngx_murmur_hash2(bytes(name.second), name.second.size());
    }
    State& touch(TableRow<State>& row) noexcept
    {
        row.used = ++uses;
        return row.state;
    }
    static bool is(const TableRow<State>& row, const TableName& name) noexcept
    {
        std::string_view held(row.name, row.length);
        return held.size() == name.size() && held.starts_with(name.first) && held[name.first.size()] == '\0' &&
               held.ends_with(name.second);
    }
    static void put(TableRow<State>& row, const TableName& name) noexcept
    {
        // Names are bounded by the configuration's own limits.
        size_t first = ngx_min(name.first.size(), State::kMaxName - 1);
        size_t second = ngx_min(name.second.size(), State::kMaxName - 1 - first);
        ngx_memcpy(row.name, name.first.data(), first);
        row.name[first] = '\0';
        ngx_memcpy(row.name + first + 1, name.second.data(), second);
        row.length = static_cast<uint16_t>(first + 1 + second);
    }
};

}  // namespace llm::ngx
