// llm_sandbox: plays a provider's answer to a client of nginx.
#include "ngx/sandbox.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "ngx/body.hpp"
#include "ngx/respond.hpp"
#include "ngx/timer.hpp"
#include "sandbox/sandbox.hpp"

namespace llm::ngx {

namespace {

// What a request can ask for: `x-sandbox-NAME: VALUE` or `?NAME=VALUE`.
struct Orders {
    ngx_msec_t delay = 0;         // before each event and before a whole answer
    ngx_uint_t status = 0;        // fail with it
    std::optional<uint64_t> die;  // close the connection after that many events
};

std::string_view order(ngx_http_request_t* r, std::string_view name)
{
    for (const ngx_list_part_t* part = &r->headers_in.headers.part; part; part = part->next) {
        auto* headers = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            std::string_view key = view(headers[i].key);
            constexpr std::string_view kPrefix = "x-sandbox-";
            if (key.size() == kPrefix.size() + name.size() && text::iequals(key.substr(0, kPrefix.size()), kPrefix) &&
                text::iequals(key.substr(kPrefix.size()), name)) {
                return view(headers[i].value);
            }
        }
    }
    ngx_str_t value;
    ngx_str_t key = borrow(name);
    return ngx_http_arg(r, key.data, key.len, &value) == NGX_OK ? view(value) : std::string_view();
}

Orders read_orders(ngx_http_request_t* r)
{
    Orders orders;
    if (ngx_str_t s = borrow(order(r, "delay")); s.len > 0) {
        ngx_int_t ms = ngx_parse_time(&s, 0);
        if (ms > 0) orders.delay = static_cast<ngx_msec_t>(ms);
    }
    std::optional<uint64_t> status = text::to_uint(order(r, "status"));
    if (status && *status >= 400 && *status <= 599) orders.status = *status;
    orders.die = text::to_uint(order(r, "die"));
    return orders;
}

sandbox::Format format_of(const providers::Provider& type) noexcept
{
    return type.chat.dialect->name == "anthropic" ? sandbox::Format::anthropic : sandbox::Format::openai;
}

// Plays the pieces of an answer one after the other.
class Player {
public:
    Player(ngx_http_request_t* r, std::vector<std::string> pieces, bool stream, const Orders& orders)
        : r_(r), pieces_(std::move(pieces)), stream_(stream), orders_(orders), timer_(this, r)
    {
    }

    void start()
    {
        ngx_http_cleanup_t* cleanup = ngx_http_cleanup_add(r_, 0);
        if (!cleanup) return ngx_http_finalize_request(r_, NGX_HTTP_INTERNAL_SERVER_ERROR);
        cleanup->handler = [](void* self) noexcept { static_cast<Player*>(self)->timer_.stop(); };
        cleanup->data = this;
        r_->read_event_handler = ngx_http_test_reading;
        r_->write_event_handler = on_write;
        timer_.start(orders_.delay);
    }

private:
    static void on_write(ngx_http_request_t* r) noexcept { (void)ngx_http_output_filter(r, nullptr); }

    void tick() noexcept
    {
        ngx_int_t rc = guarded(r_->connection->log, [&] { return play(); });
        if (rc == NGX_AGAIN) return timer_.start(orders_.delay);
        ngx_http_finalize_request(r_, rc);
    }

    // NGX_AGAIN: there is more to come.
    ngx_int_t play()
    {
        if (!r_->header_sent) {
            if (ngx_int_t rc = send_head(); rc != NGX_OK) return rc;
        }
        if (is_stuck()) return waited_ < send_timeout() ? NGX_AGAIN : NGX_ERROR;
        if (at_ == end()) return die();
        // Without a delay all goes at once: nginx looks at everything that a slow
        // client has not taken whenever something is added.
        if (!send(orders_.delay > 0 ? at_ + 1 : end())) return NGX_ERROR;
        if (at_ == pieces_.size()) return NGX_OK;
        return orders_.delay > 0 ? NGX_AGAIN : die();
    }

    // The client does not take what it was sent.
    bool is_stuck() noexcept
    {
        bool stuck = r_->buffered || r_->connection->buffered;
        waited_ = stuck ? waited_ + orders_.delay : 0;
        return stuck;
    }

    ngx_msec_t send_timeout() const noexcept
    {
        return static_cast<ngx_http_core_loc_conf_t*>(ngx_http_get_module_loc_conf(r_, ngx_http_core_module))
            ->send_timeout;
    }

    // Where the pieces end, or the connection before it.
    size_t end() const noexcept { return std::min<uint64_t>(orders_.die.value_or(pieces_.size()), pieces_.size()); }

    // Sends the pieces up to there.
    bool send(size_t to)
    {
        ngx_chain_t* first = nullptr;
        for (ngx_chain_t** link = &first; at_ < to; link = &(*link)->next) {
            bool last = at_ + 1 == pieces_.size();
            *link = make_chain(r_, pieces_[at_++], last);
            if (!*link) return false;
            (*link)->buf->last_in_chain = at_ == to;
        }
        return ngx_http_output_filter(r_, first) != NGX_ERROR;
    }

    ngx_int_t send_head()
    {
        r_->headers_out.status = NGX_HTTP_OK;
        r_->headers_out.content_length_n = stream_ ? -1 : static_cast<off_t>(pieces_[0].size());
        r_->headers_out.content_type = borrow(stream_ ? "text/event-stream" : "application/json");
        r_->headers_out.content_type_len = r_->headers_out.content_type.len;
        return ngx_http_send_header(r_) == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    // What was said goes out; the rest never comes.
    ngx_int_t die()
    {
        (void)ngx_http_send_special(r_, NGX_HTTP_FLUSH);
        return NGX_ERROR;
    }

    ngx_http_request_t* r_;
    std::vector<std::string> pieces_;
    bool stream_;
    Orders orders_;
    size_t at_ = 0;
    ngx_msec_t waited_ = 0;  // for a client that takes nothing
    Timer<Player, &Player::tick> timer_;
};

ngx_int_t refuse(ngx_http_request_t* r, sandbox::Format format, ngx_uint_t status)
{
    bool waits = status == 429 || status == 503 || status == 529;
    if (waits && !add_header(r, "retry-after", "1")) return NGX_HTTP_INTERNAL_SERVER_ERROR;
    return send_json(r, status, sandbox::write_error(format, static_cast<int>(status)));
}

ngx_int_t answer(ngx_http_request_t* r)
{
    sandbox::Format format = format_of(*loc_conf(r)->sandbox);
    sandbox::Script script;
    ClientBody body;
    if (!body.join(r, {})) return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (!sandbox::read_script(body.text(), script)) return refuse(r, format, NGX_HTTP_BAD_REQUEST);
    Orders orders = read_orders(r);
    if (orders.status) return refuse(r, format, orders.status);

    auto* player =
        make_in_pool<Player>(r->pool, r, sandbox::write_answer(format, script, ngx_time()), script.stream, orders);
    if (!player) return NGX_HTTP_INTERNAL_SERVER_ERROR;
    player->start();
    return NGX_DONE;  // the body's hold on the request is the player's now
}

void on_body(ngx_http_request_t* r) noexcept
{
    ngx_int_t rc = guarded(r->connection->log, [&] { return answer(r); });
    if (rc == NGX_ERROR && !r->header_sent) rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (rc != NGX_DONE) ngx_http_finalize_request(r, rc);
}

}  // namespace

bool sandbox_speaks(const providers::Provider& type) noexcept
{
    return type.name == "openai" || type.name == "anthropic";
}

ngx_int_t sandbox_handler(ngx_http_request_t* r)
{
    if (r->method != NGX_HTTP_POST) return NGX_HTTP_NOT_ALLOWED;
    ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

}  // namespace llm::ngx
