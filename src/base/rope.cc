#include "base/rope.hpp"

#include <algorithm>
#include <cstring>

namespace llm {

void Rope::append(std::string_view s)
{
    while (!s.empty()) {
        if (blocks_.empty() || used_ == blocks_.back().capacity) {
            size_t capacity = std::max(kBlock, s.size());
            blocks_.push_back({std::make_unique_for_overwrite<char[]>(capacity), capacity});
            used_ = 0;
        }
        Block& block = blocks_.back();
        size_t n = std::min(s.size(), block.capacity - used_);
        char* at = block.data.get() + used_;
        std::memcpy(at, s.data(), n);

        bool grows_last = !pieces_.empty() && used_ != 0 && pieces_.back().data() + pieces_.back().size() == at;
        if (grows_last) {
            pieces_.back() = {pieces_.back().data(), pieces_.back().size() + n};
        } else {
            pieces_.emplace_back(at, n);
        }
        used_ += n;
        size_ += n;
        s.remove_prefix(n);
    }
}

void Rope::ref(std::string_view s)
{
    if (copies_ || s.size() < kMinRef) return append(s);
    pieces_.push_back(s);
    size_ += s.size();
}

void Rope::cut(size_t size) noexcept
{
    while (size_ > size) {
        std::string_view& last = pieces_.back();
        size_t n = std::min(size_ - size, last.size());
        last.remove_suffix(n);
        size_ -= n;
        if (last.empty()) pieces_.pop_back();
    }
}

void Rope::clear() noexcept
{
    pieces_.clear();
    if (blocks_.size() > 1) blocks_.resize(1);
    used_ = 0;
    size_ = 0;
}

std::string Rope::str() const
{
    std::string out;
    out.reserve(size_);
    for (std::string_view piece : pieces_) out += piece;
    return out;
}

}  // namespace llm
