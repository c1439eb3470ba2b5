#pragma once

#include <yajl/yajl_parse.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "json/document.hpp"

// The judge of json::Document: plain yajl, fed the whole text at once.
namespace llm::test {

// yajl as it comes, with the names of each open object.
class PlainYajl {
public:
    explicit PlainYajl(std::string_view text)
    {
        yajl_handle handle = yajl_alloc(&kCallbacks, nullptr, this);
        accepted_ =
            yajl_parse(handle, reinterpret_cast<const unsigned char*>(text.data()), text.size()) == yajl_status_ok &&
            yajl_complete_parse(handle) == yajl_status_ok;
        yajl_free(handle);
    }

    bool accepted() const noexcept { return accepted_; }
    bool has_duplicates() const noexcept { return duplicates_; }

private:
    static PlainYajl& self(void* ctx) { return *static_cast<PlainYajl*>(ctx); }
    static int on_start(void* ctx)
    {
        self(ctx).open_.emplace_back();
        return 1;
    }
    static int on_end(void* ctx)
    {
        self(ctx).open_.pop_back();
        return 1;
    }
    static int on_key(void* ctx, const unsigned char* key, size_t size)
    {
        bool fresh = self(ctx).open_.back().emplace(reinterpret_cast<const char*>(key), size).second;
        self(ctx).duplicates_ |= !fresh;
        return 1;
    }
    static int on_number(void*, const char*, size_t) { return 1; }

    static constexpr yajl_callbacks kCallbacks = {
        nullptr, nullptr, nullptr, nullptr, on_number, nullptr, on_start, on_key, on_end, nullptr, nullptr,
    };

    std::vector<std::set<std::string>> open_;
    bool accepted_ = false;
    bool duplicates_ = false;
};

inline bool ends_inside_a_string(std::string_view text)
{
    bool inside = false;
    for (size_t i = 0; i < text.size(); i++) {
        if (inside && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            inside = !inside;
        }
    }
    return inside;
}

// What json::Document must say of a text. yajl is laxer than RFC 8259 in three things: it takes \v and \f for blanks
// (no string it accepts holds one), lets some ill-formed UTF-8 through, and does not mind a string that begins behind
// the value and never ends.
inline bool is_json(std::string_view text, json::Mode mode)
{
    std::string mended;
    if (mode == json::Mode::liberal) {
        text::append_sanitized(mended, text);
        text = mended;
    }
    PlainYajl yajl(text);
    bool grammar = yajl.accepted() && text::is_utf8(text) && text.find_first_of("\v\f") == text.npos &&
                   !ends_inside_a_string(text);
    return grammar && (mode == json::Mode::liberal || !yajl.has_duplicates());
}

// The source without the blanks between its tokens: what a writer that only
// copies slices gives back.
inline void rewrite(const json::Value& v, std::string& out)
{
    if (!v.is_array() && !v.is_object()) {
        out += v.raw();
        return;
    }
    out += v.is_array() ? '[' : '{';
    bool first = true;
    for (const json::Value& child : v) {
        if (!first) out += ',';
        first = false;
        if (v.is_object()) out.append("\"").append(child.key()).append("\":");
        rewrite(child, out);
    }
    out += v.is_array() ? ']' : '}';
}

inline std::string rewrite(const json::Value& v)
{
    std::string out;
    rewrite(v, out);
    return out;
}

inline std::string without_blanks(std::string_view json)
{
    std::string out;
    bool in_string = false;
    for (size_t i = 0; i < json.size(); i++) {
        char c = json[i];
        if (!in_string && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) continue;
        out += c;
        if (c == '"') in_string = !in_string;
        if (in_string && c == '\\') out += json[++i];
    }
    return out;
}

}  // namespace llm::test
