// Google credentials files, what is asked for with them and what comes back. The
// key is of nobody; the assertion was signed by openssl(1).
#include <gtest/gtest.h>

#include "auth/google.hpp"
#include "auth/jwt.hpp"
#include "json/writer.hpp"

namespace llm::test {

namespace {

using auth::AccessToken;
using auth::GoogleAccount;

const std::string kPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDEiohD242ZitkG\n"
    "cB5GjjPTnmgjJH/Xwe47dLzBFZPxZM+LSpLgnuBrGqpAQoEOK4+Lo7rqBkeb2GMT\n"
    "8TYsCCK0QIBq+Ne9rSIxAgD+UU4EIqJvnusaC2LAnt1Va1IZxUU1HZMLUqbQR58v\n"
    "ee9Nf6EjreJL+6cO6uLKI1Itsw9OiYsgxm1JCeEJuG8gAmtDToCbxbmJR5wfvivm\n"
    "KOHKMGKQxC8YYuz2BnepzM/wXYe5/QTXVUoxIUbo8j6wehFtN3Bru++WW/KQyP1R\n"
    "yxrfFFbHFLQvFQ5j9unUE4BixdwwixmdRJd3yIs9k+0qE1Ui9Npz5mrMc/pztBW3\n"
    "5HUSkLzdAgMBAAECggEACqK+hgGLE5yGawlFMic+2bxQQVqXynq1pCUIk+BRjbYZ\n"
    "Xx3NffdLCLC8NtcCedxUm8dj9Ycad+4JSop6ln5oNl3pNSC7OAn2+DT2Dc0jjii7\n"
    "ppOwgEvOb8MJEjbJDhj1Sk8L5oh1+35suFp+XzDBbRdbUCZRn4aJeEvaBhwS/3ps\n"
    "kxeWr4F/jCs3vBK5n69CLqO21QBOswefFPOO5GDwkg4MPeK5i1qPzOKFnngvNwZD\n"
    "HWgNYWv77Bcj1G6U4Zz9gzTb9ViGB2e+7faSVsII4qHkXTafwD91wni/ZMpabP2+\n"
    "3FFqjKcQle0sF9BWtzFVveYuPw6WL1HE9fByZpj5cQKBgQD40tU05jao30Oozn70\n"
    "2oW5cCELzRf4i3DtSQPnJakPRV0zokxnqW/P8/rPssYYydL1tAU1ga/yw4LlASRn\n"
    "XMniI7ruEPuGoAYqTzCWMNZ74UR3e9FEfqkALpc9c/CvIairLaNHHZEK6ZuFl2Tt\n"
    "lEg0Z6lFLG5F02E+WYmoFOiv5QKBgQDKNa09Ny06kmr28wcclUIOdZpk/oyPqxaz\n"
    "nlyJLJt35GMr1EpRUjYP4BjG5CJEAoAqFiCQKFxDJD1L7b5z4EpkpzAFlafIz2Rr\n"
    "coZI9fckAgRtIMS/ZvenBpJ3u5B6O+D2WohPzlo0WureY3pbm87nkudGFzW5+YKS\n"
    "F9Z2lWVZmQKBgQCAN8xr/PFPpfTsiLP9IpnkC7bLqPzgM6KWc5iSROLQHrM/RzPN\n"
    "+w7F/vhQjNPttBqESCajAtgS5dKOhT8oEDVr1XOe95tVLSLgLHxh+HqdzWAFngUh\n"
    "IY+eq2N95D+zT0nmI5dOrxqtn+FnPrNghZeLgZtFLPcJ/jnO8j6wIU4iTQKBgBUR\n"
    "OpdiJEgx8QsBjwAfXN58yjUzgBmHzbmxChsQlrILDXoHiCao1hEZW/t80UUcrZW0\n"
    "8HeUfOhR4kEC6BDSkW2jLZGnYe++C8xWBj+bwL/zpdpoy5bVd3/jY2cuF4Nksa95\n"
    "BzKpYSSLRGUfICRjO09NMuNOj75sjHoEGcgJEKIhAoGALL/6NPo0StOu5Fd9H1+L\n"
    "f2KEiFszYQxz9fstGOJVnGvHKq+9LxK5wC5bk12DeLqgs96NxtiWCH53LjYDoWIC\n"
    "rUgOo7s7V+Ls9MqCod9rrN382CuYAw9NdEhLdIdFJyibFuAg0gzjAD1iMonB4WHV\n"
    "OWOowr7ASFSu3HuLdNVGXVI=\n"
    "-----END PRIVATE KEY-----\n";

const std::string kEcPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgaM4V5V87JBNx0qsU\n"
    "dow6s+gmNb64WIAizZydeTLQLSmhRANCAARNOEyURdGK6cSrf9QdBm7xSAmOSh9Q\n"
    "lahM7Fi5zm0zY1ehUmXQaByT/gABtgpvyfx9+l4T0cGUJzZam6hKyAwe\n"
    "-----END PRIVATE KEY-----\n";

constexpr std::string_view kAssertion =
    R"(eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJpc3MiOiJyb2JvdEBwLmlhbS5nc2VydmljZWFjY291bnQu)"
    R"(Y29tIiwic2NvcGUiOiJodHRwczovL3d3dy5nb29nbGVhcGlzLmNvbS9hdXRoL2Nsb3VkLXBsYXRmb3JtIiwiYXVkIjoiaHR0cHM6)"
    R"(Ly9vYXV0aDIuZ29vZ2xlYXBpcy5jb20vdG9rZW4iLCJpYXQiOjE3MDAwMDAwMDAsImV4cCI6MTcwMDAwMzYwMH0.cr7EW8wKecv9)"
    R"(fdPzCxuCXA0QZuhbT5dZP4fKpyCDcsok_KhM7Ep5j3iM2F5xJYAoygfU6Knflokr_x2TeEGdtC0tcSpsaBml7RDT0k81KbsiCGOM)"
    R"(EqqOlmBA2B14eMDF-CUKtuQrqNIXNbNvX6jFo0-l67Pd8N3wLIRYAYoiyyjOQVMuM5UtsiJd8t85l7VhlD1pkF4st-P4eM6Jko8K)"
    R"(wAYZzMsgx4m4bLkYuDBD11T-lFgTfNyGXdTrCGKvqyxZbdTsHvJyPprs5JxjyJ9N4JI4OHZOw-qXcSs1e6UawjTDjGn7iE6AItn7)"
    R"(9rIGIAo2mIT6na3xnqlI5GcosfKasQ)";

std::string service_account(std::string_view pem = kPem, std::string_view more = R"(,"private_key_id":"k1")")
{
    return R"({"type":"service_account","project_id":"p","client_email":"robot@p.iam.gserviceaccount.com",)"
           R"("private_key":)" +
           json::quoted(pem) + std::string(more) + '}';
}

std::string why_not(std::string_view text)
{
    GoogleAccount account;
    std::string_view why;
    return auth::read_google_account(text, account, why) ? "" : std::string(why);
}

TEST(GoogleAccount, AsksWithAnAssertion)
{
    GoogleAccount account;
    std::string_view why;
    ASSERT_TRUE(auth::read_google_account(service_account(), account, why)) << why;
    EXPECT_EQ(account.project, "p");
    EXPECT_EQ(account.token_uri, "https://oauth2.googleapis.com/token");
    std::string form;
    ASSERT_TRUE(auth::write_token_request(account, 1700000000, form, why)) << why;
    EXPECT_EQ(form,
              "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + std::string(kAssertion));
}

TEST(GoogleAccount, TheFilesOwnTokenUri)
{
    GoogleAccount account;
    std::string_view why;
    std::string text = service_account(kPem, R"(,"token_uri":"https://t.example/t")");
    ASSERT_TRUE(auth::read_google_account(text, account, why)) << why;
    EXPECT_EQ(account.token_uri, "https://t.example/t");
    std::string form;
    ASSERT_TRUE(auth::write_token_request(account, 0, form, why));
    EXPECT_EQ(form.find(kAssertion.substr(0, 60)), form.npos) << "no kid, another audience";
}

TEST(GoogleAccount, AsksWithARefreshToken)
{
    GoogleAccount account;
    std::string_view why;
    ASSERT_TRUE(auth::read_google_account(
        R"({"type":"authorized_user","client_id":"c","client_secret":"s/+","refresh_token":"1//r"})", account, why));
    std::string form;
    ASSERT_TRUE(auth::write_token_request(account, 5, form, why));
    EXPECT_EQ(form, "grant_type=refresh_token&client_id=c&client_secret=s%2F%2B&refresh_token=1%2F%2Fr");
}

TEST(GoogleAccount, SaysWhatIsWrong)
{
    EXPECT_EQ(why_not("{"), "it is not JSON");
    EXPECT_EQ(why_not("[]"), "its type is neither service_account nor authorized_user");
    EXPECT_EQ(why_not(R"({"type":"external_account"})"), "its type is neither service_account nor authorized_user");
    EXPECT_EQ(why_not(R"({"type":"service_account"})"), "it has no client_email");
    EXPECT_EQ(why_not(R"({"type":"service_account","client_email":"x"})"), "it has no private_key");
    EXPECT_EQ(why_not(R"({"type":"authorized_user","client_id":"x","client_secret":"y"})"), "it has no refresh_token");
    constexpr std::string_view kNoKey = "the private key is no PEM of an RSA key without a passphrase";
    EXPECT_EQ(why_not(service_account("x")), kNoKey);
    EXPECT_EQ(why_not(service_account(kEcPem)), kNoKey);
    EXPECT_EQ(why_not(service_account(kPem.substr(0, 900))), kNoKey);
}

TEST(GoogleToken, IsReadWithItsLife)
{
    AccessToken token;
    std::string why;
    ASSERT_TRUE(auth::read_token(200, R"({"access_token":"ya29.x","expires_in":3600,"token_type":"Bearer"})", 1000,
                                 token, why));
    EXPECT_EQ(token.value, "ya29.x");
    EXPECT_TRUE(token.valid(4599));
    EXPECT_FALSE(token.valid(4600));
    EXPECT_FALSE(token.stale(3879));
    EXPECT_TRUE(token.stale(3880));
    EXPECT_FALSE(AccessToken{}.valid(0));
    EXPECT_TRUE(AccessToken{}.stale(0));
}

TEST(GoogleToken, FailuresAreTold)
{
    struct Row {
        int status;
        std::string body;
        std::string why;
    };
    const Row rows[] = {
        {400, R"({"error":"invalid_grant","error_description":"Invalid JWT Signature."})",
         "answered 400: invalid_grant: Invalid JWT Signature."},
        {503, "<html>", "answered 503"},
        {401, R"({"error":"a\nb"})", "answered 401: a?b"},
        {400, R"({"error":")" + std::string(5000, 'x') + "\"}", "answered 400: " + std::string(200, 'x')},
        {200, "<html>", "answered without an access token"},
        {200, R"({"access_token":"x"})", "answered without an access token"},
        {200, R"({"access_token":"x y","expires_in":1})", "answered without an access token"},
        {200, R"({"access_token":"x","expires_in":0})", "answered without an access token"},
        {200, R"({"expires_in":10})", "answered without an access token"},
    };
    for (const Row& row : rows) {
        AccessToken token;
        std::string why;
        EXPECT_FALSE(auth::read_token(row.status, row.body, 0, token, why)) << row.body;
        EXPECT_EQ(why, row.why);
        EXPECT_TRUE(token.value.empty());
    }
}

TEST(GoogleToken, NoLifeIsEndless)
{
    AccessToken token;
    std::string why;
    ASSERT_TRUE(auth::read_token(200, R"({"access_token":"x","expires_in":18446744073709551615})", 7, token, why));
    EXPECT_EQ(token.expires, 7 + 86400);
}

TEST(Jwt, Base64OfUrls)
{
    EXPECT_EQ(auth::base64_url("\xfb\xff\xfe"), "-__-");
    EXPECT_EQ(auth::base64_url("a"), "YQ");
    EXPECT_EQ(auth::base64_url(""), "");
}

}  // namespace

}  // namespace llm::test
