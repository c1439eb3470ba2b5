#include "json/builder.hpp"

#include <yajl/yajl_parse.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <new>
#include <utility>

#include "base/text.hpp"
#include "json/scan.hpp"

namespace llm::json {

namespace {

// yajl lexes strings byte by byte, and they are most of a text. It is shown a
// skeleton of the text in which every string is empty, so much at a time; the
// slices found by scan_string() wait for its callbacks.
constexpr size_t kSkeleton = 1024;
constexpr size_t kBatch = 64;

constexpr size_t kUsualNodes = 128, kUsualDepth = 12;

// Most members of an object that are compared pairwise for duplicates.
constexpr size_t kPairwise = 16;

// What yajl allocates in one parse: its handle, lexer, two text buffers of
// 2 KB each and one state byte a level, which grow by copying. Texts cannot
// grow it further: long strings stay outside, a number that yajl has to keep is
// at most kMaxNumber bytes, and nothing nests deeper than kMaxDepth.
constexpr size_t kYajlMemory = 8192;
constexpr size_t kMaxNumber = 1024;

// Bump memory for yajl, which does not survive a failed allocation.
class YajlMemory {
public:
    yajl_alloc_funcs funcs() noexcept { return {allocate, reallocate, release, this}; }

private:
    static constexpr size_t kAlign = alignof(std::max_align_t);

    static void* allocate(void* ctx, size_t size) noexcept
    {
        auto* self = static_cast<YajlMemory*>(ctx);
        size_t need = kAlign + (size + kAlign - 1) / kAlign * kAlign;
        if (need > sizeof(self->bytes_) - self->used_) return nullptr;
        char* at = self->bytes_ + self->used_;
        self->used_ += need;
        std::memcpy(at, &size, sizeof(size));
        return at + kAlign;
    }

    static void* reallocate(void* ctx, void* old, size_t size) noexcept
    {
        void* fresh = allocate(ctx, size);
        if (old && fresh) {
            size_t had;
            std::memcpy(&had, static_cast<char*>(old) - kAlign, sizeof(had));
            std::memcpy(fresh, old, std::min(had, size));
        }
        return fresh;
    }

    static void release(void*, void*) noexcept {}

    alignas(kAlign) char bytes_[kYajlMemory];
    size_t used_ = 0;
};

// Most strings follow the one before after a character or two.
size_t next_quote(std::string_view text, size_t from) noexcept
{
    constexpr size_t kNear = 4;
    size_t near = std::min(from + kNear, text.size());
    for (size_t i = from; i < near; i++) {
        if (text[i] == '"') return i;
    }
    return find_quote(text, near);
}

// Number-like bytes at the end of `text`: yajl buffers a token that the text's
// end cuts off, so such a tail must be small.
size_t number_tail(std::string_view text) noexcept
{
    size_t n = 0;
    while (n < text.size()) {
        char c = text[text.size() - 1 - n];
        if (!text::is_digit(c) && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E') break;
        n++;
    }
    return n;
}

}  // namespace

// Turns yajl's callbacks into nodes of a Document.
class Builder {
public:
    Builder(Document& doc, Mode mode, const Limits& limits) : doc_(doc), mode_(mode), limits_(limits)
    {
        limits_.depth = std::min(limits_.depth, kMaxDepth);
        doc_.nodes_.clear();
        doc_.open_.clear();
        doc_.where_.clear();
        // What most texts need; others grow.
        doc_.nodes_.reserve(std::min(doc_.source_.size() / 32 + 4, kUsualNodes));
        doc_.open_.reserve(kUsualDepth);
        keys_.reserve(kPairwise);
    }

    Status run()
    {
        YajlMemory memory;
        yajl_alloc_funcs funcs = memory.funcs();
        handle_ = yajl_alloc(&kCallbacks, &funcs, this);
        // Strings are checked by scan_string(), more strictly than yajl does.
        yajl_config(handle_, yajl_dont_validate_strings, 1);

        Status status = feed(doc_.source_);
        // No yajl_free(): its memory is on this stack.
        if (out_of_memory_) throw std::bad_alloc();
        if (!status.ok()) doc_.where_ = path();
        return status;
    }

private:
    Status feed(std::string_view text)
    {
        size_t seen = 0;  // start of what has not been handed on
        for (;;) {
            size_t open = next_quote(text, seen + (seen > 0));
            if (open == text.size()) break;

            StringSpan span;
            size_t close;
            if (Status s = scan_string(text, open, span, close); !s.ok()) {
                // A text that is already wrong before the string is reported as such.
                if (Status before = hand_on(text.substr(seen, open - seen)); !before.ok()) return before;
                if (Status before = show_skeleton(); !before.ok()) return before;
                return s;
            }
            if (pending_ == kBatch) {
                if (Status s = show_skeleton(); !s.ok()) return s;
            }
            if (Status s = hand_on(text.substr(seen, open + 1 - seen)); !s.ok()) return s;
            strings_[pending_++] = span;
            seen = close;
        }

        if (Status s = hand_on(text.substr(seen)); !s.ok()) return s;
        if (Status s = show_skeleton(); !s.ok()) return s;
        base_ = nullptr;
        return verdict(yajl_complete_parse(handle_));
    }

    // `part` is what stands from one string's closing quote to the next one's
    // opening quote, both included.
    Status hand_on(std::string_view part)
    {
        if (part.size() > kSkeleton - skeleton_size_) {
            // yajl is only ever stopped inside a string: what it reads first after
            // a stop between two tokens it copies, however long that is.
            if (Status s = show_skeleton(); !s.ok()) return s;
            if (part.size() > kSkeleton) return show(part, part.data());
        }
        if (skeleton_size_ == 0) skeleton_of_ = part.data();
        char* to = skeleton_.data() + skeleton_size_;
        for (size_t i = 0; i < part.size(); i++) to[i] = part[i];
        skeleton_size_ += part.size();
        return kOk;
    }

    Status show_skeleton()
    {
        size_t size = std::exchange(skeleton_size_, 0);
        return size > 0 ? show({skeleton_.data(), size}, skeleton_of_) : kOk;
    }

    // Lets yajl parse `part`, whose first byte is `at` in the source.
    Status show(std::string_view part, const char* at)
    {
        std::string_view wrong;
        // Blanks to yajl, not to RFC 8259. No string holds one: they have been
        // scanned.
        if (size_t odd = std::min(part.find('\v'), part.find('\f')); odd != part.npos) {
            part = part.substr(0, odd);
            wrong = "malformed JSON";
        }
        if (size_t tail = number_tail(part); tail > kMaxNumber) {
            part.remove_suffix(tail);
            wrong = "number without end";
        }

        base_ = at;
        left_out_ = 0;
        Status s = verdict(yajl_parse(handle_, reinterpret_cast<const unsigned char*>(part.data()), part.size()));
        // Slices that yajl has asked for are gone; what waits moves to the front.
        std::move(strings_.begin() + static_cast<ptrdiff_t>(taken_),
                  strings_.begin() + static_cast<ptrdiff_t>(pending_), strings_.begin());
        pending_ -= taken_;
        taken_ = 0;
        if (s.ok() && !wrong.empty()) return fail(Errc::bad_json, wrong);
        return s;
    }

    Status verdict(yajl_status status) noexcept
    {
        if (!status_.ok()) return status_;
        if (status != yajl_status_ok) return fail(Errc::bad_json, "malformed JSON");
        return kOk;
    }

    Status add(Type type, std::string_view raw, bool escaped)
    {
        if (doc_.nodes_.size() >= limits_.values) return fail(Errc::too_many, "too many JSON values");
        Value& v = doc_.nodes_.emplace_back();
        v.type_ = type;
        v.raw_ = raw.data();
        v.raw_len_ = static_cast<uint32_t>(raw.size());
        v.escaped_ = escaped;
        if (key_) {
            v.key_ = key_->body.data();
            v.key_len_ = static_cast<uint32_t>(key_->body.size());
            v.key_escaped_ = key_->escaped;
            key_ = nullptr;
        }
        if (!doc_.open_.empty()) doc_.nodes_[doc_.open_.back()].count_++;
        return kOk;
    }

    Status open(Type type)
    {
        if (doc_.open_.size() >= limits_.depth) return fail(Errc::too_deep, "JSON nested too deeply");
        if (Status s = add(type, {position() - 1, 1}, false); !s.ok()) return s;
        doc_.open_.push_back(static_cast<uint32_t>(doc_.nodes_.size() - 1));
        return kOk;
    }

    Status close()
    {
        uint32_t index = doc_.open_.back();
        Value& v = doc_.nodes_[index];
        v.raw_len_ = static_cast<uint32_t>(position() - v.raw_);
        v.span_ = static_cast<uint32_t>(doc_.nodes_.size() - index);
        if (v.is_object() && mode_ == Mode::strict && has_duplicates(v)) {
            return fail(Errc::duplicate_key, "duplicate object member");
        }
        if (limits_.fold_numbers && v.is_array() && has_only_numbers(v)) {
            v.span_ = 1;
            doc_.nodes_.resize(index + 1);
        }
        doc_.open_.pop_back();
        return kOk;
    }

    static bool has_only_numbers(const Value& array) noexcept
    {
        for (const Value& v : array) {
            if (!v.is_number()) return false;
        }
        return true;
    }

    // Just behind the token yajl has read last.
    const char* position() const noexcept { return base_ + yajl_get_bytes_consumed(handle_) + left_out_; }

    // The slice of the string whose closing quote yajl has read.
    const StringSpan& take_string() noexcept
    {
        const StringSpan& s = strings_[taken_++];
        // One that was opened before this call begins with its closing quote here.
        if (s.body.data() > base_) left_out_ += s.body.size();
        return s;
    }

    // Work and memory are linear in the object's text but for the sort: each key
    // is decoded at most once, and keys without escapes stay where they are.
    bool has_duplicates(const Value& object)
    {
        keys_.clear();
        decoded_.clear();
        size_t escaped = 0;
        for (const Value& member : object) escaped += member.key_escaped_ ? member.key_len_ : 0;
        decoded_.reserve(escaped);  // views into it must not move
        for (const Value& member : object) keys_.push_back({0, decoded_key(member), member.key()});

        if (keys_.size() <= kPairwise) {
            for (auto a = keys_.begin(); a != keys_.end(); ++a) {
                for (auto b = keys_.begin(); b != a; ++b) {
                    if (a->text == b->text) return note_duplicate(a->written);
                }
            }
            return false;
        }

        // Hashes keep the sort away from the texts. Whoever makes them collide
        // gets a sort by text, no worse.
        for (Key& key : keys_) key.hash = std::hash<std::string_view>()(key.text);
        std::sort(keys_.begin(), keys_.end(),
                  [](const Key& a, const Key& b) { return a.hash != b.hash ? a.hash < b.hash : a.text < b.text; });
        auto twice = std::adjacent_find(keys_.begin(), keys_.end(), [](const Key& a, const Key& b) {
            return a.hash == b.hash && a.text == b.text;
        });
        return twice != keys_.end() && note_duplicate(twice->written);
    }

    std::string_view decoded_key(const Value& member)
    {
        if (!member.key_escaped_) return member.key();
        size_t from = decoded_.size();
        append_decoded(decoded_, member.key());
        return std::string_view(decoded_).substr(from);
    }

    bool note_duplicate(std::string_view key)
    {
        duplicate_ = key;
        return true;
    }

    // Where the reader stands: the open containers, then the last key seen.
    std::string path() const
    {
        std::string out;
        auto member = [&](std::string_view key) {
            if (!out.empty()) out += '.';
            out += key;
        };
        for (size_t i = 1; i < doc_.open_.size(); i++) step_into(out, doc_.nodes_[doc_.open_[i]], doc_.open_[i - 1]);
        if (status_.code == Errc::duplicate_key) {
            member(duplicate_);
        } else if (key_) {
            member(key_->body);
        } else if (!doc_.open_.empty() && doc_.nodes_[doc_.open_.back()].is_array()) {
            out += '[' + std::to_string(doc_.nodes_[doc_.open_.back()].count_) + ']';
        }
        return out;
    }

    void step_into(std::string& out, const Value& child, uint32_t parent) const
    {
        const Value& p = doc_.nodes_[parent];
        if (p.is_array()) {
            out += '[' + std::to_string(p.count_ - 1) + ']';
            return;
        }
        if (!out.empty()) out += '.';
        out += child.key();
    }

    // Runs one callback's work; nothing may be thrown through yajl's C frames.
    template <class Work>
    static int step(void* ctx, Work work) noexcept
    {
        auto* self = static_cast<Builder*>(ctx);
        try {
            self->status_ = work(*self);
        } catch (const std::bad_alloc&) {
            self->out_of_memory_ = true;
            return 0;
        }
        return self->status_.ok();
    }

    static int on_null(void* ctx) noexcept
    {
        return step(ctx, [](Builder& b) { return b.add(Type::null, {b.position() - 4, 4}, false); });
    }
    static int on_boolean(void* ctx, int value) noexcept
    {
        size_t n = value ? 4 : 5;
        return step(ctx, [n](Builder& b) { return b.add(Type::boolean, {b.position() - n, n}, false); });
    }
    static int on_number(void* ctx, const char*, size_t size) noexcept
    {
        return step(ctx, [size](Builder& b) {
            // Only the text's end completes a number that nothing follows.
            std::string_view all = text::trim(b.doc_.source_);
            const char* end = b.base_ ? b.position() : all.data() + all.size();
            return b.add(Type::number, {end - size, size}, false);
        });
    }
    static int on_string(void* ctx, const unsigned char*, size_t) noexcept
    {
        return step(ctx, [](Builder& b) {
            const StringSpan& s = b.take_string();
            return b.add(Type::string, {s.body.data() - 1, s.body.size() + 2}, s.escaped);
        });
    }
    static int on_key(void* ctx, const unsigned char*, size_t) noexcept
    {
        return step(ctx, [](Builder& b) {
            b.key_span_ = b.take_string();
            b.key_ = &b.key_span_;
            return kOk;
        });
    }
    static int on_start_object(void* ctx) noexcept
    {
        return step(ctx, [](Builder& b) { return b.open(Type::object); });
    }
    static int on_start_array(void* ctx) noexcept
    {
        return step(ctx, [](Builder& b) { return b.open(Type::array); });
    }
    static int on_end(void* ctx) noexcept
    {
        return step(ctx, [](Builder& b) { return b.close(); });
    }

    static constexpr yajl_callbacks kCallbacks = {
        on_null,         on_boolean, nullptr, nullptr,        on_number, on_string,
        on_start_object, on_key,     on_end,  on_start_array, on_end,
    };

    Document& doc_;
    Mode mode_;
    Limits limits_;
    yajl_handle handle_ = nullptr;
    const char* base_ = nullptr;  // where in the source begins what yajl is reading
    size_t left_out_ = 0;         // bytes of the source since then that it was not shown
    std::array<char, kSkeleton> skeleton_;
    size_t skeleton_size_ = 0;
    const char* skeleton_of_ = nullptr;  // where in the source it begins
    std::array<StringSpan, kBatch> strings_;
    size_t pending_ = 0;  // strings found
    size_t taken_ = 0;    // strings yajl has asked for
    StringSpan key_span_;
    const StringSpan* key_ = nullptr;  // member name that waits for its value
    struct Key {
        size_t hash;
        std::string_view text;     // decoded
        std::string_view written;  // as in the source
    };
    std::vector<Key> keys_;  // of the object that closes
    std::string decoded_;    // those that were escaped
    std::string duplicate_;
    Status status_;
    bool out_of_memory_ = false;
};

Status build(Document& document, Mode mode, const Limits& limits)
{
    return Builder(document, mode, limits).run();
}

}  // namespace llm::json
