#pragma once

#include <cstddef>

// Memory that runs out when it is told to: the test program's operator new is
// replaced (failing_memory.cc).
namespace llm::test {

// While one lives, allocation number `nth` (from 1) throws std::bad_alloc; with
// `for_good` all behind it do, too. nth 0 only counts.
class FailingMemory {
public:
    explicit FailingMemory(size_t nth, bool for_good = false) noexcept;
    FailingMemory(const FailingMemory&) = delete;
    FailingMemory& operator=(const FailingMemory&) = delete;
    ~FailingMemory() { stop(); }

    void stop() noexcept;

    size_t count() const noexcept;  // of allocations so far
    bool failed() const noexcept;   // one of them did
};

}  // namespace llm::test
