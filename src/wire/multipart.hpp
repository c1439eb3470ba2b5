#pragma once

#include <string_view>

#include "base/status.hpp"

namespace llm::wire {

// One part of a `multipart/form-data` body (RFC 7578). Views into it.
struct FormPart {
    std::string_view name;   // as written between its quotes
    std::string_view value;  // the content
    bool is_file = false;    // it has a file name
};

// Reads the parts of a form one after the other, without copying.
//
//     FormReader form(content_type, body);
//     while (form.next(part)) ...
//     if (!form.status().ok()) ...
class FormReader {
public:
    // `content_type` is the header with its boundary; it and `body` must outlive
    // the reader.
    FormReader(std::string_view content_type, std::string_view body) noexcept;

    // False: there are no more parts, or status() is bad.
    bool next(FormPart& part) noexcept;

    Status status() const noexcept { return status_; }

private:
    bool broken(std::string_view why) noexcept;
    size_t find_delimiter(size_t from) const noexcept;

    std::string_view boundary_;
    std::string_view body_;
    size_t at_ = 0;  // behind the delimiter that opens the next part
    Status status_;
};

// Whether a Content-Type is that of a form.
bool is_form(std::string_view content_type) noexcept;

}  // namespace llm::wire
