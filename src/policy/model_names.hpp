#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace llm::policy {

// A model has one name and many spellings: "gpt-4o-2024-08-06",
// "claude-sonnet-4-5@20250929", "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
// "models/gemini-2.5-pro". From the one that was used to ever plainer ones.
class Spellings {
public:
    explicit Spellings(std::string_view model) : name_(model) {}

    std::string_view name() const noexcept { return name_; }

    // Goes on to the next one that differs; false after the last.
    bool next();

private:
    enum class Step : uint8_t { path, tuned, version, vendor_path, region, vendor, date, none };

    bool take(Step step);

    std::string name_;
    Step step_ = Step::path;
};

// Without "-2024-08-06", "@20250929" or "-latest" at its end.
std::string_view without_date(std::string_view name) noexcept;

// What price files call the providers of a type.
std::string_view price_prefix(std::string_view type) noexcept;

}  // namespace llm::policy
