// llm_prices and the prices of providers and targets.
#include "ngx/prices.hpp"

#include <algorithm>

#include "ngx/orchestrator.hpp"

namespace llm::ngx {

namespace {

constexpr ngx_msec_t kCheck = 3600000;
constexpr size_t kMaxFile = 67108864;

char* error() noexcept
{
    return static_cast<char*>(NGX_CONF_ERROR);
}

bool is_known(const PriceFile& file, const ngx_file_info_t& info) noexcept
{
    return info.st_ino == file.inode && info.st_ctim.tv_sec == file.changed.tv_sec &&
           info.st_ctim.tv_nsec == file.changed.tv_nsec;
}

// The whole file; what was found is remembered, also when it cannot be used.
bool read_file(PriceFile& file, std::string& text, std::string& why)
{
    file.inode = 0;
    file.changed = {};
    why = "the file cannot be read";
    ngx_fd_t fd = ngx_open_file(file.path.c_str(), NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) return false;

    ngx_file_info_t info;
    bool good = ngx_fd_info(fd, &info) != NGX_FILE_ERROR && ngx_is_file(&info);
    if (good) {
        file.inode = info.st_ino;
        file.changed = info.st_ctim;
        auto size = static_cast<size_t>(info.st_size);
        good = size <= kMaxFile;
        if (!good) why = "the file is larger than 64m";
        if (good) text.resize(size);
        for (size_t at = 0; good && at < size;) {
            ssize_t n = ::read(fd, text.data() + at, size - at);
            good = n > 0;
            if (good) at += static_cast<size_t>(n);
        }
    }
    ngx_close_file(fd);
    return good;
}

bool add_file(policy::PriceBook& book, PriceFile& file, std::string& why)
{
    std::string text;
    return read_file(file, text, why) && book.add(text, why);
}

// All files again, or none.
void read_again(PriceFiles& prices, ngx_log_t* log)
{
    policy::PriceBook book;
    bool good = true;
    for (PriceFile& file : prices.files) {
        std::string why;
        if (add_file(book, file, why)) continue;
        good = false;
        ngx_log_error(NGX_LOG_ERR, log, 0, "llm: prices \"%s\" have changed, but %s: the former ones are used",
                      file.path.c_str(), why.c_str());
    }
    if (!good) return;
    prices.book = std::move(book);
    ngx_log_error(NGX_LOG_NOTICE, log, 0, "llm: prices of %uz models were read again", prices.book.models());
}

bool have_changed(const PriceFiles& prices) noexcept
{
    return std::any_of(prices.files.begin(), prices.files.end(), [](const PriceFile& file) {
        ngx_file_info_t info;
        // A file that is gone is news once.
        if (ngx_file_info(file.path.c_str(), &info) == NGX_FILE_ERROR) ngx_memzero(&info, sizeof(info));
        return !is_known(file, info);
    });
}

void schedule(PriceFiles& prices) noexcept
{
    if (ngx_exiting || ngx_terminate) return;
    // Not all workers at once: while one reads it does nothing else.
    ngx_add_timer(&prices.timer, prices.check + static_cast<ngx_msec_t>(ngx_random()) % (prices.check / 8 + 1));
}

void on_check(ngx_event_t* ev) noexcept
{
    auto& prices = *static_cast<PriceFiles*>(ev->data);
    guarded(ev->log, [&] {
        if (have_changed(prices)) read_again(prices, ev->log);
        return ngx_int_t{NGX_OK};
    });
    schedule(prices);
}

}  // namespace

// llm_prices FILE [check=TIME|off]
char* set_prices(ngx_conf_t* cf, ngx_command_t*, void* object)
{
    auto& conf = *static_cast<MainConf*>(object);
    if (!conf.prices) conf.prices = make_in_pool<PriceFiles>(cf->pool);
    if (!conf.prices) return error();
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);

    ngx_msec_t check = kCheck;
    if (cf->args->nelts == 3) {
        constexpr std::string_view kOption = "check=";
        std::string_view option = view(args[2]);
        ngx_str_t value = borrow(option.substr(ngx_min(option.size(), kOption.size())));
        ngx_int_t ms = view(value) == "off" ? NGX_ERROR : ngx_parse_time(&value, 0);
        bool good = option.starts_with(kOption) && (ms > 0 || view(value) == "off");
        if (!good) return const_cast<char*>("takes nothing but \"check=TIME\" or \"check=off\" behind the file");
        check = ms > 0 ? static_cast<ngx_msec_t>(ms) : PriceFiles::kNever;
    }
    conf.prices->check = ngx_min(conf.prices->check, check);

    ngx_str_t path = copy_to(cf->pool, view(args[1]));
    if (!path.data || ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) return error();
    PriceFile file;
    file.path = view(path);
    std::string why;
    if (!add_file(conf.prices->book, file, why)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "llm_prices \"%V\": %s", &path, why.c_str());
        return error();
    }
    conf.prices->files.push_back(std::move(file));
    conf.priced = true;
    return NGX_CONF_OK;
}

char* read_price(std::string_view name, std::string_view value, std::vector<policy::Rate>& prices)
{
    std::optional<policy::Rate> rate = policy::named_rate(name, value);
    if (!rate) {
        return const_cast<char*>(
            "has an invalid price: there are input, output, cache_read, cache_write, cache_write_1h, reasoning, "
            "audio_input and audio_output, in dollars a million tokens");
    }
    bool twice = std::any_of(prices.begin(), prices.end(), [&](const policy::Rate& r) { return r.unit == rate->unit; });
    if (twice) return const_cast<char*>("has a duplicate price");
    prices.push_back(*rate);
    return NGX_CONF_OK;
}

// price NAME=DOLLARS ...
char* set_provider_price(ngx_conf_t* cf, ngx_command_t*, void* conf)
{
    auto& provider = *static_cast<ProviderConf*>(conf);
    auto* args = static_cast<ngx_str_t*>(cf->args->elts);
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        std::string_view price = view(args[i]);
        size_t equal = ngx_min(price.find('='), price.size());
        std::string_view value = price.substr(ngx_min(equal + 1, price.size()));
        if (char* rv = read_price(price.substr(0, equal), value, provider.prices); rv != NGX_CONF_OK) return rv;
    }
    provider.main->priced = true;
    return NGX_CONF_OK;
}

void start_checking_prices(MainConf& conf)
{
    PriceFiles* prices = conf.prices;
    if (!prices || prices->check == PriceFiles::kNever) return;
    prices->timer.handler = on_check;
    prices->timer.data = prices;
    prices->timer.log = ngx_cycle->log;
    prices->timer.cancelable = 1;
    schedule(*prices);
}

void stop_checking_prices(MainConf& conf) noexcept
{
    if (conf.prices && conf.prices->timer.timer_set) ngx_del_timer(&conf.prices->timer);
}

policy::Rates rates_of(const MainConf& conf, const Target& target)
{
    if (target.conf && !target.conf->rules.prices.empty()) return target.conf->rules.prices;
    const ProviderConf& provider = *target.provider;
    if (!provider.prices.empty()) return provider.prices;
    if (!conf.prices) return {};
    return conf.prices->book.find(view(provider.name), provider.type->name, target.model);
}

}  // namespace llm::ngx
