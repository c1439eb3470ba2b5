#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "wire/event_reader.hpp"

namespace llm::wire {

// Reads a `text/event-stream` (WHATWG HTML, 9.2.6: line ends CR, LF, CRLF, a
// leading BOM, comments, several data lines, fields without colon). A comment
// that stands alone is a ping. An event that lies whole in one read is not
// copied.
class SseReader final : public EventReader {
public:
    // An event with more than `max_event` bytes of data, or a line longer than
    // that, is an error that stays.
    explicit SseReader(size_t max_event) noexcept : max_(max_event) {}

    void push(std::string_view bytes) noexcept override { input_ = bytes; }
    bool next(WireEvent& event) override;
    // An event whose closing blank line is missing is given out as if it were
    // there.
    bool finish(WireEvent& event) override;
    Status status() const noexcept override { return status_; }

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
