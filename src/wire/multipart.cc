#include "wire/multipart.hpp"

#include "base/text.hpp"

namespace llm::wire {

namespace {

constexpr std::string_view kForm = "multipart/form-data";
constexpr size_t kMaxBoundary = 70;  // RFC 2046, 5.1.1

// The value of `name` among the parameters of a header, without its quotes.
std::string_view parameter(std::string_view header, std::string_view name) noexcept
{
    for (size_t semicolon; (semicolon = header.find(';')) != header.npos;) {
        header.remove_prefix(semicolon + 1);
        header = text::trim(header);
        if (header.size() <= name.size() || header[name.size()] != '=' ||
            !text::iequals(header.substr(0, name.size()), name)) {
            continue;
        }
        header.remove_prefix(name.size() + 1);
        if (!header.starts_with('"')) return text::trim(header.substr(0, header.find(';')));
        header.remove_prefix(1);
        return header.substr(0, header.find('"'));
    }
    return {};
}

bool is_named(std::string_view line, std::string_view name) noexcept
{
    return line.size() > name.size() && line[name.size()] == ':' && text::iequals(line.substr(0, name.size()), name);
}

}  // namespace

bool is_form(std::string_view content_type) noexcept
{
    return text::iequals(text::trim(content_type.substr(0, content_type.find(';'))), kForm);
}

FormReader::FormReader(std::string_view content_type, std::string_view body) noexcept
    : boundary_(parameter(content_type, "boundary")), body_(body)
{
    if (boundary_.empty() || boundary_.size() > kMaxBoundary) {
        broken("form without a boundary");
        return;
    }
    // What stands before the first delimiter is to be ignored.
    size_t first = find_delimiter(0);
    if (first == body_.npos) {
        broken("form without parts");
    } else {
        at_ = first + 2 + boundary_.size();
    }
}

bool FormReader::broken(std::string_view why) noexcept
{
    status_ = fail(Errc::protocol, why);
    return false;
}

// Of "--boundary" at the start of a line.
size_t FormReader::find_delimiter(size_t from) const noexcept
{
    for (size_t at = from; (at = body_.find(boundary_, at)) != body_.npos; at++) {
        if (at < from + 2 || body_.substr(at - 2, 2) != "--") continue;
        if (at == 2 || (at >= 4 && body_.substr(at - 4, 2) == "\r\n")) return at - 2;
    }
    return body_.npos;
}

bool FormReader::next(FormPart& part) noexcept
{
    if (!status_.ok() || body_.substr(at_).starts_with("--")) return false;
    size_t line = body_.find("\r\n", at_);  // blanks may follow the boundary
    if (line == body_.npos) return broken("form that is cut off");
    part = {};
    size_t end = find_delimiter(line);
    if (end == body_.npos) return broken("form that is cut off");
    at_ = line + 2;
    for (;;) {
        size_t eol = body_.find("\r\n", at_);
        if (eol >= end) return broken("part of a form without content");
        std::string_view header = body_.substr(at_, eol - at_);
        at_ = eol + 2;
        if (header.empty()) break;
        if (!is_named(header, "content-disposition")) continue;
        part.name = parameter(header, "name");
        part.is_file = !parameter(header, "filename").empty();
    }
    // The line end before the delimiter is the delimiter's.
    if (end >= at_ + 2) part.value = body_.substr(at_, end - 2 - at_);
    at_ = end + 2 + boundary_.size();
    return true;
}

}  // namespace llm::wire
