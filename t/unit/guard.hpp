#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <string_view>

namespace llm::test {

// A copy of a text that ends where an unreadable page begins: reading one byte
// past its end crashes, also in code that no sanitizer has instrumented.
class Guarded {
public:
    explicit Guarded(std::string_view text)
    {
        size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        size_t room = (text.size() + page - 1) / page * page;
        mapped_ = room + page;
        void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc();
        base_ = static_cast<char*>(memory);
        char* fence = base_ + room;
        if (mprotect(fence, page, PROT_NONE) != 0) throw std::bad_alloc();
        if (!text.empty()) std::memcpy(fence - text.size(), text.data(), text.size());
        view_ = {fence - text.size(), text.size()};
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
