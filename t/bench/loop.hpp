#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

// What both sides of the bench need of the kernel. Errors end the program: a
// bench that goes on without its peers measures nothing.
namespace llm::bench {

[[noreturn]] inline void die(const char* what)
{
    std::perror(what);
    std::exit(2);
}

inline size_t number(std::string_view text) noexcept
{
    size_t n = 0;
    std::from_chars(text.data(), text.data() + text.size(), n);
    return n;
}

inline sockaddr_in local(size_t port) noexcept
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

inline void tune(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// One epoll set, edge-triggered: `who` comes back with each event.
class Loop {
public:
    Loop() : fd_(epoll_create1(EPOLL_CLOEXEC))
    {
        if (fd_ < 0) die("epoll_create1");
    }

    void add(int fd, void* who)
    {
        epoll_event e{};
        e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        e.data.ptr = who;
        if (epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &e) != 0) die("epoll_ctl");
    }

    // Calls `on(who)` for everything that is ready, after `ns` nanoseconds at the
    // latest; negative: whenever that is.
    template <class F>
    void wait(F on, int64_t ns = -1)
    {
        epoll_event events[256];
        timespec time{ns / 1'000'000'000, ns % 1'000'000'000};
        int n = epoll_pwait2(fd_, events, 256, ns < 0 ? nullptr : &time, nullptr);
        for (int i = 0; i < n; i++) on(events[i].data.ptr);
    }

private:
    int fd_;
};

// The value of a header in a message's head, blanks in front cut off; names as
// this bench's peers write them.
inline std::string_view header(std::string_view head, std::string_view lower, std::string_view upper) noexcept
{
    size_t at = head.find(lower);
    if (at == head.npos) at = head.find(upper);
    if (at == head.npos) return {};
    head.remove_prefix(at + lower.size());
    while (head.starts_with(' ')) head.remove_prefix(1);
    return head.substr(0, head.find('\r'));
}

}  // namespace llm::bench
