#pragma once

#include <cstdint>
#include <string_view>

#include "chat/request.hpp"

// How many tokens a request is going to be, before anybody has counted them. No
// tokenizer: one estimate for all models, on the high side for English.
//
//   text          a quarter of its ASCII bytes and half of its others, as JSON
//                 writes it
//   a message     4, and 3 for the answer to begin
//   a tool        8 and its schema
//   an image      1600, 85 with "detail": "low"
//   audio         one for each 1000 bytes in base64
//   a file        one for each 16 bytes in base64, at least 2000
namespace llm::policy {

// What is taken for an answer's length when the request sets no bound.
inline constexpr int64_t kUsualOutput = 1024;

struct Tokens {
    int64_t input = 0;
    int64_t output = 0;  // of all choices: at most so many, or the usual
};

int64_t text_tokens(std::string_view text) noexcept;

Tokens estimate(const chat::Request& request) noexcept;

}  // namespace llm::policy
