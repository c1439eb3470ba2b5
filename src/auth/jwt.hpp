#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace llm::auth {

// The bytes in base64 for URLs (RFC 4648, section 5), without padding.
std::string base64_url(std::string_view bytes);

// RSASSA-PKCS1-v1_5 with SHA-256 (RS256 of RFC 7518) over `text`, with a private
// key in PEM. False: `why` says, in static text, what is wrong with the key.
bool sign_rs256(std::string_view pem, std::string_view text, std::string& signature, std::string_view& why);

}  // namespace llm::auth
