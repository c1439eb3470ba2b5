#include "base/base64.hpp"

#include <openssl/evp.h>

#include <climits>

namespace llm {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

bool base64_decode(std::string_view text, std::string& out)
{
    if (text.size() % 4 != 0 || text.size() > INT_MAX) return false;
    size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    // OpenSSL skips blanks at both ends and takes `=` anywhere.
    if (text.substr(0, text.size() - padding).find_first_not_of(kAlphabet) != text.npos) return false;
    size_t start = out.size();
    out.resize(start + text.size() / 4 * 3);
    int n = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data() + start),
                            reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (n < 0) {
        out.resize(start);
        return false;
    }
    out.resize(start + static_cast<size_t>(n) - padding);
    return true;
}

void base64_encode(std::string_view bytes, std::string& out)
{
    // OpenSSL takes an int and writes a NUL behind the text.
    constexpr size_t kStep = 3U << 20;
    while (!bytes.empty()) {
        std::string_view part = bytes.substr(0, kStep);
        size_t start = out.size();
        out.resize(start + (part.size() + 2) / 3 * 4 + 1);
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + start),
                        reinterpret_cast<const unsigned char*>(part.data()), static_cast<int>(part.size()));
        out.pop_back();
        bytes.remove_prefix(part.size());
    }
}

}  // namespace llm
