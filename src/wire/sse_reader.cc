#include "wire/sse_reader.hpp"

#include <cstring>

namespace llm::wire {

namespace {

constexpr std::string_view kBom = "\xef\xbb\xbf";
constexpr unsigned kPastBom = 3;

// First CR or LF in `s`, or npos.
size_t line_end(std::string_view s) noexcept
{
    const void* lf = std::memchr(s.data(), '\n', s.size());
    size_t end = lf ? static_cast<size_t>(static_cast<const char*>(lf) - s.data()) : s.size();
    const void* cr = std::memchr(s.data(), '\r', end);
    if (cr) return static_cast<size_t>(static_cast<const char*>(cr) - s.data());
    return lf ? end : s.npos;
}

}  // namespace

// A BOM at the very start is no part of the first line. It may be cut anywhere;
// what looked like one and was none goes back in front.
void SseReader::skip_bom()
{
    while (bom_seen_ < kPastBom && !input_.empty()) {
        if (input_.front() != kBom[bom_seen_]) {
            line_.append(kBom.substr(0, bom_seen_));
            bom_seen_ = kPastBom;
            return;
        }
        input_.remove_prefix(1);
        bom_seen_++;
    }
}

bool SseReader::take_line(std::string_view& line)
{
    if (bom_seen_ < kPastBom) skip_bom();
    if (skip_lf_ && !input_.empty()) {
        if (input_.front() == '\n') input_.remove_prefix(1);
        skip_lf_ = false;
    }
    if (input_.empty()) return false;

    size_t end = line_end(input_);
    std::string_view part = input_.substr(0, end);
    if (line_.size() + part.size() > max_) {
        status_ = fail(Errc::too_large, "event too large");
        return false;
    }
    if (end == input_.npos) {
        line_ += part;
        input_ = {};
        return false;
    }

    skip_lf_ = input_[end] == '\r';
    input_.remove_prefix(end + 1);
    in_line_ = !line_.empty();
    if (in_line_) {
        line_ += part;
        line = line_;
    } else {
        line = part;
    }
    return true;
}

void SseReader::add_data(std::string_view value)
{
    if (!has_data_) {
        data_ = value;
        has_data_ = true;
        return;
    }
    if (data_.data() != data_store_.data()) data_store_.assign(data_);
    data_store_ += '\n';
    data_store_ += value;
    data_ = data_store_;
}

void SseReader::on_field(std::string_view line)
{
    if (line.front() == ':') {
        has_comment_ = true;
        return;
    }
    size_t colon = line.find(':');
    std::string_view name = line.substr(0, colon);
    std::string_view value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);

    if (name == "data") {
        if (data_.size() + value.size() > max_) {
            status_ = fail(Errc::too_large, "event too large");
            return;
        }
        add_data(value);
    } else if (name == "event") {
        type_ = value;
    }
}

// Moves what points into memory that is about to change into the stores.
void SseReader::keep()
{
    if (has_data_ && data_.data() != data_store_.data()) {
        data_store_.assign(data_);
        data_ = data_store_;
    }
    if (!type_.empty() && type_.data() != type_store_.data()) {
        type_store_.assign(type_);
        type_ = type_store_;
    }
}

bool SseReader::dispatch(WireEvent& event)
{
    event = {type_, data_, !has_data_};
    stale_ = true;
    return has_data_ || has_comment_;
}

bool SseReader::next(WireEvent& event)
{
    while (status_.ok()) {
        if (stale_) {
            type_ = data_ = {};
            has_data_ = has_comment_ = stale_ = false;
        }
        std::string_view line;
        if (!take_line(line)) break;
        if (!line.empty()) {
            on_field(line);
            if (in_line_) {
                keep();
                line_.clear();
            }
            continue;
        }
        if (dispatch(event)) return true;
    }
    keep();  // the caller's bytes go away
    return false;
}

bool SseReader::finish(WireEvent& event)
{
    if (!status_.ok()) return false;
    if (bom_seen_ < kPastBom) {
        line_.append(kBom.substr(0, bom_seen_));
        bom_seen_ = kPastBom;
    }
    if (!line_.empty()) {
        on_field(line_);
        keep();
        line_.clear();
    }
    if (stale_ || !has_data_ || !status_.ok()) return false;
    return dispatch(event);
}

}  // namespace llm::wire
