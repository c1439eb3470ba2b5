#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.hpp"
#include "wire/event.hpp"

namespace llm::wire {

// Cuts a `text/event-stream` into events, however the network cut it into
// reads (WHATWG HTML, 9.2.6: line ends CR, LF, CRLF, a leading BOM, comments,
// several data lines, fields without colon). A comment that stands alone is a
// ping.
//
//     reader.push(bytes);
//     while (reader.next(event)) ...
//     if (!reader.status().ok()) ...
//
// An event that lies whole in one read is not copied.
class SseReader {
public:
    // An event with more than `max_event` bytes of data, or a line longer than
    // that, is an error that stays.
    explicit SseReader(size_t max_event) noexcept : max_(max_event) {}

    // Gives the next bytes; the former ones must have been read to their end.
    // They must stay alive until next() returns false.
    void push(std::string_view bytes) noexcept { input_ = bytes; }

    // True and an event, or false: more bytes are needed, or status() is bad.
    // The event's views die at the next call.
    bool next(WireEvent& event);

    // The peer closed: an event whose closing blank line is missing is given
    // out as if it were there.
    bool finish(WireEvent& event);

    Status status() const noexcept { return status_; }

private:
    bool take_line(std::string_view& line);
    void on_field(std::string_view line);
    void add_data(std::string_view value);
    void keep();
    bool dispatch(WireEvent& event);
    void skip_bom();

    size_t max_;
    std::string_view input_;
    std::string line_;  // the start of a line that the last read cut off
    std::string type_store_, data_store_;
    std::string_view type_, data_;  // of the event being read: into input_ or the stores
    bool has_data_ = false;
    bool has_comment_ = false;
    bool stale_ = false;     // the event given out last must be forgotten first
    bool in_line_ = false;   // the data or type views point into line_
    bool skip_lf_ = false;   // the last line ended in CR: a following LF belongs to it
    unsigned bom_seen_ = 0;  // bytes of the BOM matched so far; 3 = past it
    Status status_;
};

}  // namespace llm::wire
