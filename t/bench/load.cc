// Clients that read as fast as they can and look at every token.
//
//   load PORT PATH BODY CONNECTIONS REQUESTS [TOKENS [MARK...]]
//
// Sends the file BODY as one request after the other over CONNECTIONS kept
// alive, or, with RATE=N in the environment, N times a second as long as there
// is a connection without a request. An answer is right when its status is 200 and the tokens in it are
// tok0, tok1, ... up to TOKENS of them (default 1, as in a whole answer). With
// MARKs prints "at MARK" when each connection has seen so many tokens. Ends in
// one JSON line.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "loop.hpp"

namespace {

using namespace llm::bench;

// A response as its bytes come: head, framing, and the tokens in the body.
class Response {
public:
    enum class State { more, done, broken };

    State feed(std::string_view bytes)
    {
        while (!bytes.empty()) {
            if (in_head_) {
                if (!take_head(bytes)) return State::broken;
            } else if (left_ > 0) {
                size_t n = std::min(left_, bytes.size());
                scan(bytes.substr(0, n));
                bytes.remove_prefix(n);
                left_ -= n;
            } else if (!chunked_ || last_) {
                return State::broken;  // more than there should be
            } else if (!take_size(bytes)) {
                return State::broken;
            }
            if (!in_head_ && left_ == 0 && (last_ || !chunked_)) return bytes.empty() ? State::done : State::broken;
        }
        return State::more;
    }

    size_t tokens() const noexcept { return tokens_; }
    bool in_order() const noexcept { return in_order_; }

private:
    bool take_head(std::string_view& bytes)
    {
        size_t had = head_.size();
        head_ += bytes;
        size_t end = head_.find("\r\n\r\n");
        if (end == head_.npos) {
            bytes = {};
            return true;
        }
        bytes.remove_prefix(end + 4 - had);
        head_.resize(end);
        in_head_ = false;
        chunked_ = head_.find("chunked") != head_.npos;
        if (!chunked_) left_ = number(header(head_, "content-length:", "Content-Length:"));
        return head_.starts_with("HTTP/1.1 200");
    }

    // A chunk's size line; the CR LF before it belongs to the chunk before.
    bool take_size(std::string_view& bytes)
    {
        size_t eol = bytes.find('\n');
        line_ += bytes.substr(0, eol == bytes.npos ? eol : eol + 1);
        bytes.remove_prefix(eol == bytes.npos ? bytes.size() : eol + 1);
        if (eol == bytes.npos || line_ == "\r\n") {
            if (line_ == "\r\n" && ending_) last_ = true;
            if (line_ == "\r\n") line_.clear();
            return line_.size() < 20;
        }
        if (!line_.ends_with('\n')) return line_.size() < 20;
        size_t size = 0;
        std::from_chars(line_.data(), line_.data() + line_.size(), size, 16);
        line_.clear();
        left_ = size;
        ending_ = size == 0;
        return true;
    }

    // Finds "tok" and a number; a token may be cut anywhere.
    void scan(std::string_view bytes)
    {
        for (char c : bytes) {
            if (matched_ < 3) {
                matched_ = c == "tok"[matched_] ? matched_ + 1 : (c == 't' ? 1 : 0);
                value_ = 0;
                digits_ = false;
            } else if (c >= '0' && c <= '9') {
                value_ = value_ * 10 + static_cast<size_t>(c - '0');
                digits_ = true;
            } else {
                if (digits_) {
                    in_order_ = in_order_ && value_ == tokens_;
                    tokens_++;
                }
                matched_ = c == 't' ? 1 : 0;
            }
        }
    }

    std::string head_, line_;
    bool in_head_ = true, chunked_ = false, ending_ = false, last_ = false;
    size_t left_ = 0;
    size_t matched_ = 0, value_ = 0;
    bool digits_ = false, in_order_ = true;
    size_t tokens_ = 0;
};

struct Client {
    int fd = -1;
    std::string_view out;
    std::unique_ptr<Response> response;
    size_t seen = 0;  // tokens, as counted for the marks
};

class Load {
public:
    Load(size_t port, std::string request, size_t connections, size_t requests, size_t tokens,
         std::vector<size_t> marks, size_t rate)
        : port_(port),
          request_(std::move(request)),
          requests_(requests),
          tokens_(tokens),
          marks_(std::move(marks)),
          interval_(rate > 0 ? static_cast<int64_t>(1'000'000'000 / rate) : 0)
    {
        for (size_t i = 0; i < connections; i++) clients_.push_back(std::make_unique<Client>());
        waiting_ = clients_.size();
    }

    int run()
    {
        next_ = now();
        for (const auto& c : clients_) go_on(*c);
        while (running_ > 0 || started_ < requests_) {
            loop_.wait([&](void* who) { serve(*static_cast<Client*>(who)); }, time_left());
            while (!idle_.empty() && started_ < requests_ && now() >= next_) {
                Client& c = *idle_.back();
                idle_.pop_back();
                next_ += interval_;
                begin(c);
            }
        }
        std::printf("{\"good\":%zu,\"failed\":%zu,\"tokens\":%zu}\n", good_, failed_, total_tokens_);
        return failed_ == 0 ? 0 : 1;
    }

private:
    static int64_t now() noexcept
    {
        timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
    }

    // Until the next request is due; negative: there is none to wait for.
    int64_t time_left() const noexcept
    {
        if (idle_.empty() || started_ == requests_) return -1;
        return std::max<int64_t>(next_ - now(), 0);
    }

    void go_on(Client& c)
    {
        if (started_ == requests_) return;
        if (interval_ > 0) return idle_.push_back(&c);
        begin(c);
    }

    void begin(Client& c)
    {
        started_++;
        running_++;
        c.response = std::make_unique<Response>();
        c.out = request_;
        if (c.fd < 0) connect(c);
        send(c);
    }

    void connect(Client& c)
    {
        c.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address = local(port_);
        if (c.fd < 0 || ::connect(c.fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) die("connect");
        tune(c.fd);
        loop_.add(c.fd, &c);
    }

    void send(Client& c)
    {
        while (!c.out.empty()) {
            ssize_t n = ::send(c.fd, c.out.data(), c.out.size(), MSG_NOSIGNAL);
            if (n < 0) return;  // full, or broken: reading will tell
            c.out.remove_prefix(static_cast<size_t>(n));
        }
    }

    void serve(Client& c)
    {
        static char buffer[1 << 18];
        send(c);
        for (;;) {
            ssize_t n = recv(c.fd, buffer, sizeof(buffer), 0);
            if (n < 0 && errno == EAGAIN) return;
            if (!c.response) return drop(c);
            if (n <= 0) return end(c, false);
            Response::State state = c.response->feed({buffer, static_cast<size_t>(n)});
            note(c);
            if (state == Response::State::broken) return end(c, false);
            if (state == Response::State::done) {
                return end(c, c.response->tokens() == tokens_ && c.response->in_order());
            }
        }
    }

    void drop(Client& c)
    {
        ::close(c.fd);
        c.fd = -1;
    }

    void end(Client& c, bool good)
    {
        total_tokens_ += c.response->tokens();
        (good ? good_ : failed_)++;
        running_--;
        c.response.reset();
        if (!good) drop(c);
        go_on(c);
    }

    void note(Client& c)
    {
        size_t before = c.seen;
        c.seen = c.response->tokens();
        if (marks_.empty() || before >= marks_.front() || c.seen < marks_.front()) return;
        if (--waiting_ > 0) return;
        std::printf("at %zu\n", marks_.front());
        std::fflush(stdout);
        marks_.erase(marks_.begin());
        waiting_ = clients_.size();
    }

    size_t port_;
    std::string request_;
    size_t requests_, tokens_;
    std::vector<size_t> marks_;
    size_t waiting_;  // connections that have not come to the next mark
    std::vector<std::unique_ptr<Client>> clients_;
    int64_t interval_;  // nanoseconds between two requests; 0: none
    int64_t next_ = 0;  // when the next one is due
    std::vector<Client*> idle_;
    Loop loop_;
    size_t started_ = 0, running_ = 0, good_ = 0, failed_ = 0, total_tokens_ = 0;
};

std::string slurp(const char* name)
{
    std::FILE* file = std::fopen(name, "rb");
    if (!file) die(name);
    std::string text;
    char buffer[65536];
    while (size_t n = std::fread(buffer, 1, sizeof(buffer), file)) text.append(buffer, n);
    std::fclose(file);
    return text;
}

}  // namespace

int main(int argc, char** argv)
{
    if (argc < 6) {
        std::fputs("usage: load PORT PATH BODY CONNECTIONS REQUESTS [TOKENS [MARK...]]\n", stderr);
        return 2;
    }
    std::string body = slurp(argv[3]);
    std::string request = "POST " + std::string(argv[2]) +
                          " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
                          "User-Agent: OpenAI/JS 6.7.0\r\nAuthorization: Bearer sk-bench-0123456789abcdef\r\n"
                          "Content-Length: " +
                          std::to_string(body.size()) + "\r\n\r\n" + body;
    const char* rate = std::getenv("RATE");
    std::vector<size_t> marks;
    for (int i = 7; i < argc; i++) marks.push_back(number(argv[i]));
    return Load(number(argv[1]), std::move(request), number(argv[4]), number(argv[5]), argc > 6 ? number(argv[6]) : 1,
                std::move(marks), number(rate ? rate : "0"))
        .run();
}
