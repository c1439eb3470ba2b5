#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/status.hpp"
#include "wire/event.hpp"

namespace llm::wire {

// How a stream's events are framed.
enum class Framing : uint8_t { sse };

// Cuts a stream into events, however the network cut it into reads.
//
//     reader.push(bytes);
//     while (reader.next(event)) ...
//     if (!reader.status().ok()) ...
class EventReader {
public:
    virtual ~EventReader() = default;

    // Gives the next bytes; the former ones must have been read to their end.
    // They must stay alive until next() returns false.
    virtual void push(std::string_view bytes) noexcept = 0;

    // True and an event, or false: more bytes are needed, or status() is bad.
    // The event's views die at the next call.
    virtual bool next(WireEvent& event) = 0;

    // The peer closed: true and an event that lacked nothing but its end.
    virtual bool finish(WireEvent& event) = 0;

    virtual Status status() const noexcept = 0;
};

// An event with more than `max_event` bytes is an error that stays.
std::unique_ptr<EventReader> make_reader(Framing framing, size_t max_event);

}  // namespace llm::wire
