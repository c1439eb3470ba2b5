#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace llm::auth {

// A Google credentials file: a service account's key, or a user's refresh token.
// It wipes what is secret.
struct GoogleAccount {
    GoogleAccount() = default;
    GoogleAccount(GoogleAccount&&) = default;
    GoogleAccount& operator=(GoogleAccount&&) = default;
    ~GoogleAccount();

    enum class Kind : uint8_t { service_account, authorized_user };
    Kind kind = Kind::service_account;
    std::string project;    // may be empty
    std::string token_uri;  // where tokens are asked for
    std::string email;      // service_account:
    std::string key_id;     // may be empty
    std::string private_key;
    std::string client_id;  // authorized_user:
    std::string client_secret;
    std::string refresh_token;
};

// Reads such a file. False: `why` says in static text what it lacks; nothing of
// the file is quoted.
bool read_google_account(std::string_view json, GoogleAccount& out, std::string_view& why);

// The form that asks for an access token (RFC 7523, or a refresh of RFC 6749);
// `now` in seconds since the epoch.
bool write_token_request(const GoogleAccount& account, int64_t now, std::string& form, std::string_view& why);

struct AccessToken {
    std::string value;
    int64_t issued = 0;  // seconds since the epoch
    int64_t expires = 0;

    bool valid(int64_t now) const noexcept { return !value.empty() && now < expires; }
    // It is time to ask for another: 80 % of its life are over.
    bool stale(int64_t now) const noexcept { return now >= issued + (expires - issued) * 4 / 5; }
};

// Reads the answer to that form. False: `why` says what went wrong; it quotes
// Google's words for the error, which hold no secret.
bool read_token(int http_status, std::string_view body, int64_t now, AccessToken& out, std::string& why);

}  // namespace llm::auth
