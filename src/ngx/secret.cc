#include "ngx/secret.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <cstdlib>

#include "base/text.hpp"

namespace llm::ngx {

namespace {

constexpr std::string_view kEnv = "env:";
constexpr std::string_view kFile = "file:";
constexpr size_t kMaxKey = 16384;  // service tokens are long

bool is_header_value(std::string_view s) noexcept
{
    for (char c : s) {
        if (!text::is_graphic(c)) return false;
    }
    return true;
}

}  // namespace

Secret::~Secret()
{
    wipe(value_);
}

void Secret::wipe(std::string& s) noexcept
{
    OPENSSL_cleanse(s.data(), s.size());
    s.clear();
}

void Secret::take(std::string_view key)
{
    wipe(value_);
    value_ = key;
    u_char digest[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const u_char*>(key.data()), key.size(), digest);
    ngx_memcpy(&id_, digest, sizeof(id_));
}

bool Secret::is_read(const ngx_file_info_t& info) const noexcept
{
    return info.st_ino == inode_ && info.st_ctim.tv_sec == changed_.tv_sec && info.st_ctim.tv_nsec == changed_.tv_nsec;
}

void Secret::remember(const ngx_file_info_t& info) noexcept
{
    inode_ = info.st_ino;
    changed_ = info.st_ctim;
}

Secret::Load Secret::load(ngx_conf_t* cf, std::string_view source, const char*& why)
{
    if (source.starts_with(kEnv)) {
        name_ = source;
        const char* value = std::getenv(name_.c_str() + kEnv.size());
        why = "the environment variable is not set";
        if (!value || !*value) return Load::missing;
        take(text::trim(value));
    } else if (source.starts_with(kFile)) {
        name_ = source;
        ngx_str_t path = copy_to(cf->pool, source.substr(kFile.size()));
        if (!path.data || ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) throw std::bad_alloc();
        path_ = view(path);
        return read(why);
    } else {
        name_ = "literal";
        take(source);
    }
    why = "the key is empty or holds blanks or control characters";
    return !value_.empty() && is_header_value(value_) ? Load::ok : Load::bad;
}

Secret::Load Secret::read(const char*& why)
{
    why = "the file cannot be read";
    ngx_fd_t fd = ngx_open_file(path_.c_str(), NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) return Load::missing;

    char buffer[kMaxKey];
    ngx_file_info_t info;
    ssize_t n = ngx_fd_info(fd, &info) == NGX_FILE_ERROR ? -1 : ::read(fd, buffer, sizeof(buffer));
    ngx_close_file(fd);
    if (n < 0) return Load::missing;

    std::string_view key = text::trim({buffer, static_cast<size_t>(n)});
    Load result = Load::ok;
    if (key.empty()) {
        why = "the file is empty";
        result = Load::missing;
    } else if (n == sizeof(buffer)) {
        why = "the file is larger than a key can be";
        result = Load::bad;
    } else if (!is_header_value(key)) {
        why = "the file holds blanks or control characters";
        result = Load::bad;
    } else {
        take(key);
        remember(info);
    }
    OPENSSL_cleanse(buffer, sizeof(buffer));
    return result;
}

std::string_view Secret::value(ngx_log_t* log)
{
    if (path_.empty() || checked_ == ngx_time()) return value_;
    checked_ = ngx_time();
    ngx_file_info_t info;
    // A file that is gone is news once, as is one that cannot be read.
    if (ngx_file_info(path_.c_str(), &info) == NGX_FILE_ERROR) ngx_memzero(&info, sizeof(info));
    if (is_read(info)) return value_;

    const char* why = "";
    if (read(why) != Load::ok) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "llm: key \"%s\" has changed, but %s: the former one is used", name_.c_str(),
                      why);
        remember(info);
    }
    return value_;
}

}  // namespace llm::ngx
