#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>

namespace llm::test {

enum class Fence : uint8_t { before, behind };

// A copy of a text between two unreadable pages, which begins or ends where one
// of them does: reading one byte past that end crashes, also in code that no
// sanitizer has instrumented.
class Guarded {
public:
    explicit Guarded(std::string_view text, Fence fence = Fence::behind)
    {
        size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        size_t room = (text.size() + page - 1) / page * page;
        mapped_ = page + room + page;
        void* memory = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        base_ = static_cast<char*>(memory);
        char* first = base_ + page;
        if (room > 0 && mprotect(first, room, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
        char* at = fence == Fence::before ? first : first + room - text.size();
        if (!text.empty()) std::memcpy(at, text.data(), text.size());
        view_ = {at, text.size()};
    }
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;
    ~Guarded() { munmap(base_, mapped_); }

    std::string_view view() const noexcept { return view_; }

private:
    char* base_ = nullptr;
    size_t mapped_ = 0;
    std::string_view view_;
};

}  // namespace llm::test
