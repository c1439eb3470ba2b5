#include "auth/jwt.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <climits>
#include <memory>

#include "base/base64.hpp"

namespace llm::auth {

namespace {

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* p) const noexcept
    {
        Free(p);
    }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

// Nobody is there to type a passphrase.
int no_passphrase(char*, int, int, void*)
{
    return -1;
}

Key read_key(std::string_view pem, std::string_view& why)
{
    why = "the private key is no PEM of an RSA key without a passphrase";
    if (pem.size() > INT_MAX) return nullptr;
    Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (!bio) throw std::bad_alloc();
    Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
    return key && EVP_PKEY_is_a(key.get(), "RSA") ? std::move(key) : nullptr;
}

}  // namespace

std::string base64_url(std::string_view bytes)
{
    std::string out;
    base64_encode(bytes, out);
    while (out.ends_with('=')) out.pop_back();
    for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
    return out;
}

bool sign_rs256(std::string_view pem, std::string_view text, std::string& signature, std::string_view& why)
{
    Key key = read_key(pem, why);
    if (!key) return false;
    why = "the private key cannot sign";
    Digest digest(EVP_MD_CTX_new());
    if (!digest) throw std::bad_alloc();
    const auto* data = reinterpret_cast<const unsigned char*>(text.data());
    size_t size = 0;
    if (EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
        EVP_DigestSign(digest.get(), nullptr, &size, data, text.size()) != 1) {
        return false;
    }
    signature.resize(size);
    auto* out = reinterpret_cast<unsigned char*>(signature.data());
    if (EVP_DigestSign(digest.get(), out, &size, data, text.size()) != 1) return false;
    signature.resize(size);
    return true;
}

}  // namespace llm::auth
