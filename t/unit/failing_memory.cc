#include "failing_memory.hpp"

#include <dlfcn.h>

#include <new>

namespace llm::test {

namespace {

bool armed = false;
bool goes_on = false;
bool has_failed = false;
size_t seen = 0;
size_t fails_at = 0;

bool fails() noexcept
{
    if (!armed) return false;
    seen++;
    bool now = fails_at != 0 && (goes_on ? seen >= fails_at : seen == fails_at);
    has_failed = has_failed || now;
    return now;
}

// The sanitizer's own operator: what it hands out is checked as ever, and
// deleted by its own, unreplaced, delete.
template <class Function>
Function next(const char* name) noexcept
{
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

FailingMemory::FailingMemory(size_t nth, bool for_good) noexcept
{
    seen = 0;
    fails_at = nth;
    goes_on = for_good;
    has_failed = false;
    armed = true;
}

void FailingMemory::stop() noexcept
{
    armed = false;
}
size_t FailingMemory::count() const noexcept
{
    return seen;
}
bool FailingMemory::failed() const noexcept
{
    return has_failed;
}

}  // namespace llm::test

void* operator new(size_t size)
{
    static auto* const real = llm::test::next<void* (*)(size_t)>("_Znwm");
    if (llm::test::fails()) throw std::bad_alloc();
    return real(size);
}

void* operator new[](size_t size)
{
    static auto* const real = llm::test::next<void* (*)(size_t)>("_Znam");
    if (llm::test::fails()) throw std::bad_alloc();
    return real(size);
}

void* operator new(size_t size, const std::nothrow_t& tag) noexcept
{
    static auto* const real = llm::test::next<void* (*)(size_t, const std::nothrow_t&)>("_ZnwmRKSt9nothrow_t");
    return llm::test::fails() ? nullptr : real(size, tag);
}
