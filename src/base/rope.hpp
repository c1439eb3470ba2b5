#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
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
    Rope(Rope&&) = default;
    Rope& operator=(Rope&&) = default;

    // Copies `s`.
    void append(std::string_view s);
    void append(char c) { append(std::string_view(&c, 1)); }

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
    static constexpr size_t kBlock = 4096;

    struct Block {
        std::unique_ptr<char[]> data;
        size_t capacity;
    };

    std::vector<std::string_view> pieces_;
    std::vector<Block> blocks_;
    size_t used_ = 0;  // bytes taken in blocks_.back()
    size_t size_ = 0;
    bool copies_ = false;
};

}  // namespace llm
