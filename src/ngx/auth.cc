// Clients' keys: from the header to the project.
#include <openssl/evp.h>

#include "base/text.hpp"
#include "ngx/context.hpp"
#include "ngx/orchestrator.hpp"
#include "ngx/zone.hpp"

namespace llm::ngx {

namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr size_t kMaxKey = 512;

// Fetching an algorithm costs more than hashing a key.
EVP_MD* sha256 = nullptr;
EVP_MD_CTX* digest_ctx = nullptr;

void digest(std::string_view key, u_char (&out)[32])
{
    bool good = digest_ctx && EVP_DigestInit_ex2(digest_ctx, sha256, nullptr) == 1 &&
                EVP_DigestUpdate(digest_ctx, key.data(), key.size()) == 1 &&
                EVP_DigestFinal_ex(digest_ctx, out, nullptr) == 1;
    // Memory is all that can be missing, and no reason to call a key wrong.
    if (!good) throw std::bad_alloc();
}

// The key of `Authorization: Bearer KEY`, or an empty view.
std::string_view bearer(const ngx_http_request_t* r) noexcept
{
    const ngx_table_elt_t* header = r->headers_in.authorization;
    if (!header) return {};
    std::string_view value = view(header->value);
    if (!text::iequals(value.substr(0, kBearer.size()), kBearer)) return {};
    return text::trim(value.substr(kBearer.size()));
}

}  // namespace

Context::Context() = default;
Context::~Context() = default;

Context* find_context(const ngx_http_request_t* r) noexcept
{
    return static_cast<Context*>(ngx_http_get_module_ctx(r->main, ngx_http_llm_gateway_module));
}

Context* get_context(ngx_http_request_t* r)
{
    Context* ctx = find_context(r);
    if (ctx) return ctx;
    ctx = make_in_pool<Context>(r->pool);
    if (ctx) ngx_http_set_ctx(r->main, ctx, ngx_http_llm_gateway_module);
    return ctx;
}

const Caller& authenticate(ngx_http_request_t* r, Context& ctx)
{
    Caller& caller = ctx.caller;
    if (caller.state != Caller::State::unchecked) return caller;
    const MainConf& conf = *main_conf(r);

    std::string_view key = bearer(r);
    if (key.empty()) {
        caller.state = Caller::State::no_key;
        return caller;
    }
    KeyMatch match;
    bool found = false;
    if (key.size() <= kMaxKey) {
        u_char hash[32];
        digest(key, hash);
        found = find_key(conf, hash, match);
    }
    if (found) {
        caller.project = conf.project(match.project);
        caller.key_id = match.id;
    }
    caller.state = caller.project ? Caller::State::known : Caller::State::wrong_key;
    return caller;
}

chat::ApiError auth_error(const Caller& caller)
{
    std::string_view message = caller.state == Caller::State::no_key
                                   ? "No API key was given. Send it in the header \"Authorization: Bearer KEY\"."
                                   : "The API key is not valid.";
    return make_error(chat::ErrorClass::invalid_key, message);
}

ngx_int_t init_auth(ngx_log_t* log)
{
    sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    digest_ctx = EVP_MD_CTX_new();
    if (sha256 && digest_ctx) return NGX_OK;
    ngx_log_error(NGX_LOG_EMERG, log, 0, "llm: OpenSSL has no SHA-256");
    return NGX_ERROR;
}

void exit_auth() noexcept
{
    EVP_MD_CTX_free(digest_ctx);
    EVP_MD_free(sha256);
    digest_ctx = nullptr;
    sha256 = nullptr;
}

}  // namespace llm::ngx
