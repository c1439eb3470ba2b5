// Loaded into nginx ahead of all else (LD_PRELOAD): memory that runs out when a
// test says so. The test writes to the file of LLM_FAILING_MEMORY how many
// allocations are to succeed and how many behind them are to fail; every process
// of that nginx has it mapped.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

namespace {

struct Orders {
    std::atomic<int64_t> succeed;  // counted down; below zero: nothing is ordered
    std::atomic<int64_t> fail;     // counted down
};

Orders* orders = nullptr;

// operator new may call malloc: one allocation all the same.
thread_local bool inside = false;

[[gnu::constructor]] void read_orders()
{
    const char* name = getenv("LLM_FAILING_MEMORY");
    int fd = name ? open(name, O_RDWR) : -1;
    if (fd < 0) return;
    void* map = mmap(nullptr, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED) orders = static_cast<Orders*>(map);
}

bool fails() noexcept
{
    if (!orders || inside || orders->succeed.load() < 0) return false;
    if (orders->succeed.fetch_sub(1) > 0) return false;
    orders->succeed.store(0);
    if (orders->fail.fetch_sub(1) > 0) return true;
    orders->succeed.store(-1);
    return false;
}

template <class Function>
Function next(const char* name) noexcept
{
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

void* allocate(void* (*real)(size_t), size_t size)
{
    if (fails()) throw std::bad_alloc();
    struct Mark {
        bool before = inside;
        Mark() { inside = true; }
        ~Mark() { inside = before; }
    } mark;
    return real(size);
}

}  // namespace

extern "C" {

void* malloc(size_t size)
{
    static auto* const real = next<void* (*)(size_t)>("malloc");
    if (!fails()) return real(size);
    errno = ENOMEM;
    return nullptr;
}

void* calloc(size_t n, size_t size)
{
    static auto* const real = next<void* (*)(size_t, size_t)>("calloc");
    if (!fails()) return real(n, size);
    errno = ENOMEM;
    return nullptr;
}

void* realloc(void* old, size_t size)
{
    static auto* const real = next<void* (*)(void*, size_t)>("realloc");
    if (!fails()) return real(old, size);
    errno = ENOMEM;
    return nullptr;
}

int posix_memalign(void** out, size_t alignment, size_t size)
{
    static auto* const real = next<int (*)(void**, size_t, size_t)>("posix_memalign");
    return fails() ? ENOMEM : real(out, alignment, size);
}
}

void* operator new(size_t size)
{
    static auto* const real = next<void* (*)(size_t)>("_Znwm");
    return allocate(real, size);
}

void* operator new[](size_t size)
{
    static auto* const real = next<void* (*)(size_t)>("_Znam");
    return allocate(real, size);
}
