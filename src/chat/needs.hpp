#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace llm::chat {

// What a request asks of a model besides text.
enum class Need : uint8_t { images, audio, files, tools, json_schema, audio_output, count_ };
inline constexpr size_t kNeeds = static_cast<size_t>(Need::count_);

struct NeedName {
    std::string_view name;   // in configurations and messages
    std::string_view param;  // where a request says it
};

// In the order of Need.
inline constexpr std::array<NeedName, kNeeds> kNeedNames = {{
    {"images", "messages"},
    {"audio", "messages"},
    {"files", "messages"},
    {"tools", "tools"},
    {"json_schema", "response_format"},
    {"audio_output", "modalities"},
}};

// A set of them.
class Needs {
public:
    constexpr Needs() = default;
    constexpr Needs(Need n) noexcept : bits_(bit(n)) {}

    constexpr bool empty() const noexcept { return bits_ == 0; }
    constexpr bool has(Need n) const noexcept { return bits_ & bit(n); }

    constexpr Needs operator|(Needs o) const noexcept { return of(bits_ | o.bits_); }
    constexpr Needs operator&(Needs o) const noexcept { return of(bits_ & o.bits_); }
    constexpr Needs operator-(Needs o) const noexcept { return of(bits_ & ~o.bits_); }
    constexpr Needs& operator|=(Needs o) noexcept { return *this = *this | o; }
    constexpr bool operator==(const Needs&) const = default;

private:
    static constexpr unsigned bit(Need n) noexcept { return 1U << static_cast<unsigned>(n); }
    static constexpr Needs of(unsigned bits) noexcept
    {
        Needs n;
        n.bits_ = bits;
        return n;
    }

    unsigned bits_ = 0;
};

}  // namespace llm::chat
