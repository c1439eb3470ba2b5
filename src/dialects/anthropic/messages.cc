// System prompt and messages (wire format: anthropic, sections 3 and 4).
#include <vector>

#include "dialects/anthropic/content.hpp"

namespace llm::anthropic {

namespace {

using namespace chat;
using json::Writer;

constexpr std::string_view kUser = "user";
constexpr std::string_view kJsonOnly = "Answer with one valid JSON object and nothing else.";
// Begins a conversation that otherwise the assistant would: many platforms
// refuse that.
constexpr std::string_view kOpening = "Hello.";

bool is_system(const Message& m) noexcept
{
    return m.role == Role::system || m.role == Role::developer;
}

bool is_left_out(const Message& m, Encoder& e)
{
    return !has_content(m, e.blanks) || (is_system(m) && !e.rules.system_in_messages);
}

// The last message that will be sent, if it is the assistant's.
const Message* last_of_assistant(Encoder& e)
{
    for (size_t i = e.request.messages.size(); i-- > 0;) {
        const Message& m = e.request.messages[i];
        if (!is_left_out(m, e)) return m.role == Role::assistant ? &m : nullptr;
    }
    return nullptr;
}

class Conversation {
public:
    explicit Conversation(Encoder& e) : e_(e), w_(e.w), content_(e) {}

    bool write_system(bool json_only)
    {
        std::vector<const Message*> system;
        bool leading = true;
        bool any = json_only;
        for (const Message& m : e_.request.messages) {
            leading = leading && is_system(m);
            if (!is_system(m) || (!leading && e_.rules.system_in_messages)) continue;
            system.push_back(&m);
            any = any || has_content(m, e_.blanks);
        }

        if (any) w_.key("system").open_array();
        for (const Message* m : system) {
            if (!content_.write(*m, nullptr)) return false;
        }
        if (json_only) {
            auto block = w_.object();
            w_.string_member("type", "text");
            w_.string_member("text", kJsonOnly);
        }
        if (any) w_.close_array();
        return true;
    }

    bool write_messages()
    {
        if (!check_end()) return false;
        auto list = w_.array("messages");
        bool leading = true;
        for (const Message& m : e_.request.messages) {
            leading = leading && is_system(m);
            if (is_system(m) && (leading || !e_.rules.system_in_messages)) continue;
            if (!add_message(m)) return false;
        }
        if (!write_turn()) return false;
        if (turns_ > 0) return true;
        return e_.refuse("messages", "no message has any content");
    }

private:
    // Without a last message that is blank the answer would go on with the
    // assistant's former one.
    bool check_end()
    {
        const Message* last = last_of_assistant(e_);
        if (!last) return true;
        prefill_ = &last_block(*last, e_.blanks);
        const Message* end = &e_.request.messages.back();
        for (const Message* m = last + 1; m <= end; m++) {
            if (m->role == Role::user) return e_.refuse(content_.place(*m, "content"), "it is blank");
        }
        return true;
    }

    // Messages of one role become one message, as the server would make of them.
    bool add_message(const Message& m)
    {
        if (m.role == Role::function)
            return e_.refuse(content_.place(m, "role"), "the role 'function' is deprecated, use 'tool'");
        for (std::string_view member : {"function_call", "audio"}) {
            if (m.role == Role::assistant && m.source->get(member)) return e_.refuse(content_.place(m, member));
        }
        std::string_view role = m.role == Role::assistant ? "assistant" : is_system(m) ? "system" : kUser;
        if (has_content(m, e_.blanks) && role != role_) {
            if (!write_turn()) return false;
            role_ = role;
        }
        turn_.push_back(&m);
        return true;
    }

    // The results of calls stand before whatever else the user says with them:
    // the provider looks for them directly behind the calls.
    bool write_turn()
    {
        bool any = !role_.empty();
        if (any && turns_ == 0 && role_ != kUser) write_opening();
        if (any) open_turn(role_);
        for (bool results : {true, false}) {
            for (const Message* m : turn_) {
                if ((m->role == Role::tool) == results && !content_.write(*m, prefill_)) return false;
            }
        }
        turn_.clear();
        if (any) close_turn();
        return true;
    }

    void write_opening()
    {
        open_turn(kUser);
        {
            auto block = w_.object();
            w_.string_member("type", "text");
            w_.string_member("text", kOpening);
        }
        close_turn();
    }

    void open_turn(std::string_view role)
    {
        turns_++;
        w_.open_object();
        w_.string_member("role", role);
        w_.key("content").open_array();
    }

    void close_turn()
    {
        w_.close_array();
        w_.close_object();
    }

    Encoder& e_;
    Writer& w_;
    ContentWriter content_;
    const Block* prefill_ = nullptr;    // what the answer is to continue
    std::string_view role_;             // of the turn that is being gathered
    std::vector<const Message*> turn_;  // its messages
    size_t turns_ = 0;                  // written
};

}  // namespace

bool write_conversation(Encoder& e, bool json_only)
{
    Conversation c(e);
    return c.write_system(json_only) && c.write_messages();
}

bool has_prefill(Encoder& e)
{
    return last_of_assistant(e) != nullptr;
}

bool lost_thinking(Encoder& e)
{
    for (size_t i = e.request.messages.size(); i-- > 0;) {
        const Message& m = e.request.messages[i];
        if (m.role == Role::user && has_content(m, e.blanks)) return false;
        if (m.role != Role::assistant) continue;
        bool calls = false, thinks = false;
        for (const Block& b : m.blocks) {
            calls |= b.kind == BlockKind::tool_call;
            thinks |= is_signed(b);
        }
        if (calls && !thinks) return true;
    }
    return false;
}

}  // namespace llm::anthropic
