#include "base/rope.hpp"

#include <algorithm>

namespace llm {

Rope& Rope::operator=(Rope&& other) noexcept
{
    pieces_ = std::exchange(other.pieces_, {});
    blocks_ = std::exchange(other.blocks_, {});
    end_ = std::exchange(other.end_, nullptr);
    room_ = std::exchange(other.room_, 0);
    open_ = std::exchange(other.open_, false);
    size_ = std::exchange(other.size_, 0);
    copies_ = other.copies_;
    return *this;
}

void Rope::append_piece(std::string_view s)
{
    while (!s.empty()) {
        if (room_ == 0) {
            size_t usual = blocks_.empty() ? kFirstBlock : std::min(2 * blocks_.back().capacity, kLargestBlock);
            size_t capacity = std::max(usual, s.size());
            blocks_.push_back({std::make_unique_for_overwrite<char[]>(capacity), capacity});
            end_ = blocks_.back().data.get();
            room_ = capacity;
            open_ = false;
        }
        if (pieces_.capacity() == 0) pieces_.reserve(kUsualPieces);
        if (!open_) pieces_.emplace_back(end_, 0);
        open_ = true;
        size_t n = std::min(s.size(), room_);
        std::memcpy(end_, s.data(), n);
        grow(n);
        s.remove_prefix(n);
    }
}

void Rope::ref(std::string_view s)
{
    if (copies_ || s.size() < kMinRef) return append(s);
    pieces_.push_back(s);
    open_ = false;
    size_ += s.size();
}

void Rope::cut(size_t size) noexcept
{
    // What comes next is written behind what was cut, so it is a piece of its own.
    if (size_ > size) open_ = false;
    while (size_ > size) {
        std::string_view& last = pieces_.back();
        size_t n = std::min(size_ - size, last.size());
        last.remove_suffix(n);
        size_ -= n;
        if (last.empty()) pieces_.pop_back();
        open_ = false;  // what is appended next lies behind the bytes cut off
    }
}

void Rope::clear() noexcept
{
    pieces_.clear();
    if (blocks_.size() > 1) blocks_.resize(1);
    end_ = blocks_.empty() ? nullptr : blocks_.front().data.get();
    room_ = blocks_.empty() ? 0 : blocks_.front().capacity;
    open_ = false;
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
