// The conversation of a request as a vendor takes it.
#include <array>

#include "base/text.hpp"
#include "dialects/openai/adapt.hpp"

namespace llm::openai {

namespace {

using namespace chat;
using json::Value;

constexpr size_t kShortId = 9;

// FNV-1a: the same id is the same short one wherever it stands.
std::string short_id(std::string_view id)
{
    constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t hash = 0xcbf29ce484222325;
    for (char c : id) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    std::string out;
    for (size_t i = 0; i < kShortId; i++) {
        out += kAlphabet[hash % kAlphabet.size()];
        hash /= kAlphabet.size();
    }
    return out;
}

bool is_short(std::string_view id) noexcept
{
    for (char c : id) {
        if (!text::is_alpha(c) && !text::is_digit(c)) return false;
    }
    return id.size() == kShortId;
}

class Messages {
public:
    explicit Messages(Adapter& a) noexcept : a_(a) {}

    bool adapt(const Message& m)
    {
        bool of_result = m.role == Role::tool;  // its block has it
        if (m.cache_control && !of_result && !drop_cache_control(a_, *m.source, *m.cache_control)) return false;
        if (m.role == Role::developer && !a_.quirks.developer) {
            a_.splice.replace(m.source->find("role")->raw(), R"("system")");
        }
        bool calls = false;
        for (const Block& b : m.blocks) {
            calls |= b.kind == BlockKind::tool_call;
            if (!adapt_block(b)) return false;
        }
        const Value* content = m.source->find("content");
        if (calls && content && content->is_null() && !a_.quirks.null_content) {
            a_.splice.replace(content->raw(), R"("")");
        }
        if (m.reasoning && a_.quirks.reasoning_only_with_calls && !calls && !drop(m, "reasoning_content")) return false;
        for (std::string_view name : a_.quirks.message_drops) {
            if (!drop(m, name)) return false;
        }
        index_++;
        return true;
    }

private:
    bool drop(const Message& m, std::string_view name)
    {
        const Value* v = m.source->find(name);
        if (!v) return true;
        a_.splice.remove(*m.source, *v);
        bool says_nothing = v->is_null() || (v->is_array() && v->size() == 0) || v->is("");
        return says_nothing || a_.drop("messages." + std::string(name));
    }

    bool adapt_block(const Block& b)
    {
        if (a_.quirks.tools.short_ids && b.id) shorten(*b.id);
        if (b.cache_control && !drop_cache_control(a_, *b.source, *b.cache_control)) return false;
        if (b.kind == BlockKind::image) return check_image(b);
        for (const Block& inner : b.content) {
            if (!adapt_block(inner)) return false;
        }
        return true;
    }

    void shorten(const Value& id)
    {
        if (!is_short(id.body())) a_.splice.replace(id.body(), short_id(id.body()));
    }

    bool check_image(const Block& b)
    {
        if (a_.quirks.images == dialects::Images::any) return true;
        std::string place = "messages[" + std::to_string(index_) + "].content";
        if (a_.quirks.images == dialects::Images::none) return a_.refuse(place, "it takes no images");
        constexpr std::string_view kData = "data:";
        if (text::iequals(b.data->body().substr(0, kData.size()), kData)) return true;
        return a_.refuse(place, "it takes images as data URLs only");
    }

    Adapter& a_;
    size_t index_ = 0;
};

}  // namespace

bool drop_cache_control(Adapter& a, const Value& object, const Value& member)
{
    if (a.quirks.cache_control) return true;
    a.splice.remove(object, member);
    return a.drop("cache_control");
}

bool adapt_messages(Adapter& a)
{
    Messages messages(a);
    for (const Message& m : a.request.messages) {
        if (!messages.adapt(m)) return false;
    }
    return true;
}

}  // namespace llm::openai
