#pragma once

#include <string>
#include <string_view>

#include "json/value.hpp"
#include "json/writer.hpp"

// What the dialects that take images, files and calls apart have in common.
namespace llm::dialects {

// data:MEDIA;base64,DATA
struct DataUrl {
    std::string_view media;
    std::string_view data;
    bool ok = false;
};

bool is_data_url(std::string_view url) noexcept;
DataUrl split_data_url(std::string_view url) noexcept;

// Clients also send bare base64: its first bytes or the file's name (which may
// be null) tell.
DataUrl guess_media(std::string_view data, const json::Value* name);

// The decoded text of a string; `store` is used only when something has to be
// decoded, and must live as long as the result.
std::string_view plain(const json::Value& v, std::string& store);

// `arguments` is JSON in a string, as some model wrote it: written as the object it
// is. What is no object is wrapped, so that a conversation with a broken call can
// go on.
void write_arguments(json::Writer& w, const json::Value& arguments);

}  // namespace llm::dialects
