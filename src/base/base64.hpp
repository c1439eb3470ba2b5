#pragma once

#include <string>
#include <string_view>

namespace llm {

// Appends the bytes that `text` (RFC 4648, padded) stands for to `out`; false
// when it is no base64.
bool base64_decode(std::string_view text, std::string& out);

// Appends `bytes` in that form, padded.
void base64_encode(std::string_view bytes, std::string& out);

}  // namespace llm
