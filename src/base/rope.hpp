#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llm {

// Bytes to be sent, as a list of pieces: small ones are copied into blocks the
// rope owns, long ones stay where they are. That is what lets a 1 MB prompt go
// from the client's body to the provider's socket without being copied.
class Rope {
public:
    // Slices shorter than this are copied by ref(): a piece costs about a
    // hundred bytes of chain link and buffer header on its way out.
    static constexpr size_t kMinRef = 512;

    Rope() = default;
    // A rope whose ref() always copies: for bytes whose source dies early.
    static Rope copying()
    {
        Rope rope;
        rope.copies_ = true;
        return rope;
    }
    Rope(Rope&& other) noexcept { *this = std::move(other); }
    Rope& operator=(Rope&& other) noexcept;

    // Copies `s`.
    void append(std::string_view s)
    {
        if (s.empty()) return;
        if (!open_ || s.size() > room_) return append_piece(s);
        std::memcpy(end_, s.data(), s.size());
        grow(s.size());
    }
    void append(char c)
    {
        if (!open_ || room_ == 0) return append_piece({&c, 1});
        *end_ = c;
        grow(1);
    }

    // Copies all of another rope.
    void append(const Rope& other)
    {
        for (std::string_view piece : other.pieces_) append(piece);
    }

    // Keeps a view of `s` when it is long; the caller keeps those bytes alive
    // and unchanged for as long as the rope is read.
    void ref(std::string_view s);

    size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    const std::vector<std::string_view>& pieces() const noexcept { return pieces_; }

    // Takes away what lies behind the first `size` bytes.
    void cut(size_t size) noexcept;

    // Empties the rope; its first block is kept for reuse.
    void clear() noexcept;

    std::string str() const;

private:
    static constexpr size_t kFirstBlock = 512;
    static constexpr size_t kLargestBlock = 4096;
    static constexpr size_t kUsualPieces = 6;

    struct Block {
        std::unique_ptr<char[]> data;
        size_t capacity;
    };

    // Where there is no room, or the last piece is not the block's end.
    void append_piece(std::string_view s);

    // `n` bytes have been written behind the last piece.
    void grow(size_t n) noexcept
    {
        std::string_view& last = pieces_.back();
        last = {last.data(), last.size() + n};
        end_ += n;
        room_ -= n;
        size_ += n;
    }

    std::vector<std::string_view> pieces_;
    std::vector<Block> blocks_;
    char* end_ = nullptr;  // of what is used in the last block
    size_t room_ = 0;      // bytes behind it
    bool open_ = false;    // the last piece ends at end_
    size_t size_ = 0;
    bool copies_ = false;
};

}  // namespace llm
