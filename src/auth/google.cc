// Access tokens of Google (wire format: gemini, section 13).
#include "auth/google.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "auth/jwt.hpp"
#include "base/text.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace llm::auth {

namespace {

using json::Value;

constexpr std::string_view kTokenUri = "https://oauth2.googleapis.com/token";
constexpr std::string_view kScope = "https://www.googleapis.com/auth/cloud-platform";
constexpr std::string_view kJwtGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr int64_t kLife = 3600;  // seconds; Google takes no longer one
constexpr size_t kMaxToken = 16384;
constexpr size_t kMaxWords = 200;  // of an error

void wipe(std::string& s) noexcept
{
    OPENSSL_cleanse(s.data(), s.size());
    s.clear();
}

std::string member(const Value& object, std::string_view name)
{
    const Value* v = object.get(name);
    return v && v->is_string() ? v->text() : std::string();
}

struct Need {
    std::string_view name;
    std::string GoogleAccount::*to;
    std::string_view why;
};
constexpr std::array kServiceAccount = {
    Need{"client_email", &GoogleAccount::email, "it has no client_email"},
    Need{"private_key", &GoogleAccount::private_key, "it has no private_key"},
};
constexpr std::array kUser = {
    Need{"client_id", &GoogleAccount::client_id, "it has no client_id"},
    Need{"client_secret", &GoogleAccount::client_secret, "it has no client_secret"},
    Need{"refresh_token", &GoogleAccount::refresh_token, "it has no refresh_token"},
};

template <size_t N>
bool take(const Value& root, const std::array<Need, N>& needs, GoogleAccount& out, std::string_view& why)
{
    for (const Need& need : needs) {
        out.*need.to = member(root, need.name);
        if ((out.*need.to).empty()) {
            why = need.why;
            return false;
        }
    }
    return true;
}

void add_field(std::string& form, std::string_view name, std::string_view value)
{
    constexpr std::string_view kHex = "0123456789ABCDEF";
    if (!form.empty()) form += '&';
    form.append(name).append("=");
    for (char c : value) {
        if (text::is_alpha(c) || text::is_digit(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
            form += c;
            continue;
        }
        auto byte = static_cast<unsigned char>(c);
        form += '%';
        form += kHex[byte >> 4];
        form += kHex[byte & 15];
    }
}

bool write_assertion(const GoogleAccount& a, int64_t now, std::string& jwt, std::string_view& why)
{
    Rope header, claims;
    {
        json::Writer w(header);
        auto object = w.object();
        w.string_member("alg", "RS256");
        w.string_member("typ", "JWT");
        if (!a.key_id.empty()) w.string_member("kid", a.key_id);
    }
    {
        json::Writer w(claims);
        auto object = w.object();
        w.string_member("iss", a.email);
        w.string_member("scope", kScope);
        w.string_member("aud", a.token_uri);
        w.member("iat", static_cast<uint64_t>(now));
        w.member("exp", static_cast<uint64_t>(now + kLife));
    }
    jwt = base64_url(header.str()) + '.' + base64_url(claims.str());
    std::string signature;
    if (!sign_rs256(a.private_key, jwt, signature, why)) return false;
    jwt += '.' + base64_url(signature);
    return true;
}

// Google's error: a word and a sentence.
std::string words_of(const Value& root)
{
    std::string out = member(root, "error");
    std::string more = member(root, "error_description");
    if (!out.empty() && !more.empty()) out += ": ";
    out += more;
    if (out.size() > kMaxWords) out.resize(kMaxWords);
    for (char& c : out) {
        if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
    }
    return out;
}

}  // namespace

GoogleAccount::~GoogleAccount()
{
    wipe(private_key);
    wipe(client_secret);
    wipe(refresh_token);
}

bool read_google_account(std::string_view json, GoogleAccount& out, std::string_view& why)
{
    json::Document doc;
    why = "it is not JSON";
    if (!doc.parse(json, json::Mode::strict).ok()) return false;
    const Value& root = doc.root();
    std::string type = member(root, "type");
    out.token_uri = member(root, "token_uri");
    if (out.token_uri.empty()) out.token_uri = kTokenUri;
    if (type == "service_account") {
        out.kind = GoogleAccount::Kind::service_account;
        out.project = member(root, "project_id");
        out.key_id = member(root, "private_key_id");
        if (!take(root, kServiceAccount, out, why)) return false;
        // That it can sign is found out now, not with the first request.
        std::string signature;
        return sign_rs256(out.private_key, {}, signature, why);
    }
    why = "its type is neither service_account nor authorized_user";
    if (type != "authorized_user") return false;
    out.kind = GoogleAccount::Kind::authorized_user;
    out.project = member(root, "quota_project_id");
    return take(root, kUser, out, why);
}

bool write_token_request(const GoogleAccount& account, int64_t now, std::string& form, std::string_view& why)
{
    form.clear();
    if (account.kind == GoogleAccount::Kind::authorized_user) {
        add_field(form, "grant_type", "refresh_token");
        add_field(form, "client_id", account.client_id);
        add_field(form, "client_secret", account.client_secret);
        add_field(form, "refresh_token", account.refresh_token);
        return true;
    }
    std::string jwt;
    if (!write_assertion(account, now, jwt, why)) return false;
    add_field(form, "grant_type", kJwtGrant);
    add_field(form, "assertion", jwt);
    return true;
}

bool read_token(int http_status, std::string_view body, int64_t now, AccessToken& out, std::string& why)
{
    json::Document doc;
    bool is_json = doc.parse(body, json::Mode::liberal).ok() && doc.root().is_object();
    if (http_status != 200) {
        why = "answered " + std::to_string(http_status);
        std::string words = is_json ? words_of(doc.root()) : std::string();
        if (!words.empty()) why += ": " + words;
        return false;
    }
    why = "answered without an access token";
    if (!is_json) return false;
    std::string value = member(doc.root(), "access_token");
    const Value* life = doc.root().get("expires_in");
    std::optional<uint64_t> seconds = life ? life->to_uint() : std::nullopt;
    if (!text::is_token(value, kMaxToken) || !seconds || *seconds == 0) return false;
    out.value = std::move(value);
    out.issued = now;
    out.expires = now + static_cast<int64_t>(std::min<uint64_t>(*seconds, kLife * 24));
    return true;
}

}  // namespace llm::auth
