// A provider as fast as one can be: answers from memory, in the format that
// the path belongs to.
//
//   mock PORT
//
// What a request says in its first 4 KB steers the answer:
//   [[tokens=N]]          a stream of N tokens, "tok0 " to "tokN-1 ", else one whole answer
//   [[tokens=N stops=A,B]] the stream pauses behind its A-th and its B-th token, until GET /go
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "loop.hpp"

namespace {

using namespace llm::bench;

constexpr size_t kTokens = 100'000;

std::string chunk(const std::string& text)
{
    char size[20];
    std::snprintf(size, sizeof(size), "%zx\r\n", text.size());
    return size + text + "\r\n";
}

std::string whole(const std::string& body)
{
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: keep-alive\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

// All that a provider has to say, ready to be sent: a stream is [begin] tokens [end].
struct Script {
    std::string answer;
    std::string begin, end;
    std::string tokens;
    std::vector<size_t> after;  // after[n]: where the n-th token's bytes end

    template <class Event>
    void write_tokens(Event event)
    {
        after.push_back(0);
        for (size_t i = 0; i < kTokens; i++) {
            tokens += chunk(event("tok" + std::to_string(i) + " "));
            after.push_back(tokens.size());
        }
    }
};

constexpr const char* kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: keep-alive\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";

const std::string kText =
    "tok0 The quick brown fox jumps over the lazy dog, and nobody in the whole wide forest has ever asked it why. "
    "What it would have said is a matter of some debate among scholars of foxes, who agree on little else.";

Script openai()
{
    Script s;
    s.answer = whole(
        R"({"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion","created":1741569952,)"
        R"("model":"bench-1","choices":[{"index":0,"message":{"role":"assistant","content":")" +
        kText +
        R"(","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":19,)"
        R"("completion_tokens":45,"total_tokens":64,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},)"
        R"("completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,)"
        R"("rejected_prediction_tokens":0}},"service_tier":"default"})");
    auto event = [](const std::string& choices, const std::string& usage) {
        return R"(data: {"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion.chunk",)"
               R"("created":1741569952,"model":"bench-1","service_tier":"default","system_fingerprint":"fp_44709d6fcb",)"
               R"("choices":[)" +
               choices + "],\"usage\":" + usage + "}\n\n";
    };
    s.begin =
        kStreamHead +
        chunk(event(R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null})",
                    "null"));
    s.write_tokens([&](const std::string& text) {
        return event(R"({"index":0,"delta":{"content":")" + text + R"("},"logprobs":null,"finish_reason":null})",
                     "null");
    });
    s.end = chunk(event(R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"})", "null")) +
            chunk(event("", R"({"prompt_tokens":19,"completion_tokens":45,"total_tokens":64})")) +
            chunk("data: [DONE]\n\n") + "0\r\n\r\n";
    return s;
}

Script anthropic()
{
    Script s;
    s.answer = whole(
        R"({"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"bench-1",)"
        R"("content":[{"type":"text","text":")" +
        kText +
        R"("}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":19,)"
        R"("cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":45,"service_tier":"standard"}})");
    auto event = [](const std::string& name, const std::string& rest) {
        return "event: " + name + "\ndata: {\"type\":\"" + name + "\"" + rest + "}\n\n";
    };
    s.begin = kStreamHead +
              chunk(event("message_start",
                          R"(,"message":{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant",)"
                          R"("model":"bench-1","content":[],"stop_reason":null,"stop_sequence":null,)"
                          R"("usage":{"input_tokens":19,"output_tokens":1}})") +
                    event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})"));
    s.write_tokens([&](const std::string& text) {
        return event("content_block_delta", R"(,"index":0,"delta":{"type":"text_delta","text":")" + text + "\"}");
    });
    s.end = chunk(event("content_block_stop", R"(,"index":0)") +
                  event("message_delta",
                        R"(,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":45})") +
                  event("message_stop", "")) +
            "0\r\n\r\n";
    return s;
}

struct Peer {
    int fd = -1;
    std::string head;
    size_t body_left = 0;
    bool in_body = false;
    std::string hint;  // the body's first bytes

    const Script* script = nullptr;  // while answering
    size_t tokens = 0;               // 0: a whole answer
    std::vector<size_t> stops;
    std::string_view out;  // what is to be sent next
    int part = 0;          // 0 begin, 1 tokens, 2 end
    size_t sent_tokens = 0;
    bool paused = false;
};

class Mock {
public:
    explicit Mock(size_t port)
    {
        fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int on = 1;
        setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        sockaddr_in address = local(port);
        if (bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) die("bind");
        if (listen(fd_, 16384) != 0) die("listen");
        loop_.add(fd_, nullptr);
    }

    [[noreturn]] void run()
    {
        for (;;) {
            loop_.wait([&](void* who) { who ? serve(*static_cast<Peer*>(who)) : accept(); });
        }
    }

private:
    void accept()
    {
        for (;;) {
            int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) return;
            tune(fd);
            Peer* p = new Peer;
            p->fd = fd;
            loop_.add(fd, p);
        }
    }

    void close(Peer& p)
    {
        std::erase(paused_, &p);
        ::close(p.fd);
        delete &p;
    }

    void serve(Peer& p)
    {
        if (!send(p) || !read(p)) close(p);
    }

    // False: the peer is gone.
    bool read(Peer& p)
    {
        static char buffer[1 << 18];
        for (;;) {
            ssize_t n = recv(p.fd, buffer, sizeof(buffer), 0);
            if (n < 0) return errno == EAGAIN;
            if (n == 0) return false;
            if (!take(p, {buffer, static_cast<size_t>(n)})) return false;
        }
    }

    bool take(Peer& p, std::string_view bytes)
    {
        if (!p.in_body) {
            p.head += bytes;
            size_t end = p.head.find("\r\n\r\n");
            if (end == p.head.npos) return true;
            bytes = std::string_view(p.head).substr(end + 4);
            p.body_left = number(header(std::string_view(p.head).substr(0, end), "content-length:", "Content-Length:"));
            p.in_body = true;
            p.hint = bytes.substr(0, 4096);
        } else if (p.hint.size() < 4096) {
            p.hint += bytes.substr(0, 4096 - p.hint.size());
        }
        p.body_left -= std::min(bytes.size(), p.body_left);
        if (p.body_left > 0) return true;
        answer(p);
        return send(p);
    }

    void answer(Peer& p)
    {
        static const Script kOpenAi = openai(), kAnthropic = anthropic();
        static const std::string kOk = whole("{}");
        p.script = p.head.find("/v1/messages") < p.head.find('\n') ? &kAnthropic : &kOpenAi;
        p.part = 0;
        p.sent_tokens = p.tokens = 0;
        p.stops.clear();
        if (p.head.starts_with("GET /go")) {
            p.out = kOk;
            go();
        } else {
            read_orders(p);
            p.out = p.tokens ? p.script->begin : p.script->answer;
        }
        p.head.clear();
        p.in_body = false;
    }

    static void read_orders(Peer& p)
    {
        std::string_view hint = p.hint;
        size_t at = hint.find("[[tokens=");
        if (at == hint.npos) return;
        hint = hint.substr(at + 9, hint.find("]]", at) - at - 9);
        p.tokens = std::min(number(hint), kTokens);
        for (at = hint.find("stops="); at != hint.npos; at = hint.find(',', at)) {
            at = hint.find_first_of("0123456789", at);
            p.stops.push_back(number(hint.substr(at)));
        }
        p.stops.push_back(p.tokens);
    }

    // Sends what there is to be sent now. False: the peer is gone.
    bool send(Peer& p)
    {
        while (p.script && !p.paused) {
            while (!p.out.empty()) {
                ssize_t n = ::send(p.fd, p.out.data(), p.out.size(), MSG_NOSIGNAL);
                if (n < 0) return errno == EAGAIN;
                p.out.remove_prefix(static_cast<size_t>(n));
            }
            next(p);
        }
        return true;
    }

    void next(Peer& p)
    {
        if (p.tokens == 0 || p.part == 2) {
            p.script = nullptr;
            return;
        }
        if (p.part == 1 && p.sent_tokens == p.tokens) {
            p.part = 2;
            p.out = p.script->end;
            return;
        }
        if (p.part == 1) {  // at a stop
            p.paused = true;
            paused_.push_back(&p);
        }
        p.part = 1;
        size_t stop = p.stops.front();
        p.stops.erase(p.stops.begin());
        const std::vector<size_t>& after = p.script->after;
        p.out = std::string_view(p.script->tokens).substr(after[p.sent_tokens], after[stop] - after[p.sent_tokens]);
        p.sent_tokens = stop;
    }

    void go()
    {
        for (Peer* p : std::exchange(paused_, {})) {
            p->paused = false;
            send(*p);  // a peer that is gone will be told of
        }
    }

    int fd_;
    Loop loop_;
    std::vector<Peer*> paused_;
};

}  // namespace

int main(int argc, char** argv)
{
    if (argc != 2) {
        std::fputs("usage: mock PORT\n", stderr);
        return 2;
    }
    Mock(number(argv[1])).run();
}
