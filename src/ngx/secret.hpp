#pragma once

#include <string>
#include <string_view>

#include "ngx/ngx.hpp"

namespace llm::ngx {

// A provider's key: `env:NAME`, `file:PATH` or the key itself. It is never
// printed, and wiped when it goes.
class Secret {
public:
    Secret() = default;
    ~Secret();
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;

    enum class Load { ok, missing, bad };

    // Reads the key at configuration time; relative paths are below the
    // configuration's directory. `missing`: the variable or the file is not
    // there or empty. `bad`: there is one that cannot be a header's value. `why`
    // is static text for the error.
    Load load(ngx_conf_t* cf, std::string_view source, const char*& why);

    // The key, for one request. A file that has changed is read again, at most
    // once a second; while it cannot be read the last good key is kept.
    std::string_view value(ngx_log_t* log);
    // As it was when it was last looked at.
    std::string_view value() const noexcept { return value_; }

    // Tells one key from another, with nothing of it in it that could be used.
    uint64_t id() const noexcept { return id_; }

    // The form the configuration names it in, without the key.
    const std::string& name() const noexcept { return name_; }

private:
    Load read(const char*& why);
    void take(std::string_view key);
    bool is_read(const ngx_file_info_t& info) const noexcept;
    void remember(const ngx_file_info_t& info) noexcept;
    static void wipe(std::string& s) noexcept;

    std::string name_;
    std::string path_;  // empty unless it is a file
    std::string value_;
    uint64_t id_ = 0;  // the beginning of its SHA-256
    time_t checked_ = 0;
    ino_t inode_ = 0;
    timespec changed_ = {};  // a new mode or owner counts, too: it may be readable now
};

}  // namespace llm::ngx
