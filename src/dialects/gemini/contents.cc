// System instruction and contents (wire format: gemini, section 3).
#include <algorithm>
#include <unordered_map>
#include <vector>

#include "dialects/gemini/parts.hpp"

namespace llm::gemini {

namespace {

using namespace chat;
using json::Writer;

constexpr std::string_view kJsonOnly = "Answer with one valid JSON object and nothing else.";
// Begins a conversation that otherwise the model would.
constexpr std::string_view kOpening = "Hello.";

bool is_system(const Message& m) noexcept
{
    return m.role == Role::system || m.role == Role::developer;
}

// Somebody else than the system speaks.
bool has_turns(const Request& request) noexcept
{
    return std::any_of(request.messages.begin(), request.messages.end(),
                       [](const Message& m) { return !is_system(m) && has_parts(m); });
}

bool write_system_parts(Encoder& e, PartWriter& parts, bool json_only)
{
    for (const Message& m : e.request.messages) {
        if (is_system(m) && !parts.write(m)) return false;
    }
    if (json_only) parts.write_text(kJsonOnly);
    return true;
}

bool has_system(const Request& request, bool json_only) noexcept
{
    return json_only || std::any_of(request.messages.begin(), request.messages.end(),
                                    [](const Message& m) { return is_system(m) && has_parts(m); });
}

// Without turns the system's words are the user's: there must be a question.
bool has_instruction(Encoder& e)
{
    return e.rules.system && has_turns(e.request);
}

class Contents {
public:
    Contents(Encoder& e, bool json_only) : e_(e), w_(e.w), parts_(e), json_only_(json_only) {}

    bool write()
    {
        if (!check_end()) return false;
        auto list = w_.array("contents");
        if (!has_instruction(e_) && has_system(e_.request, json_only_)) {
            opens_with_system_ = true;
            role_ = Turn::user;
        }
        for (const Message& m : e_.request.messages) {
            if (!is_system(m) && !add_message(m)) return false;
        }
        if (!write_turn()) return false;
        return turns_ > 0 || e_.refuse("messages", "no message has any content");
    }

private:
    enum class Turn { none, user, model, results };

    // The last word must not be the model's. Without a last message that is empty
    // the answer would be one to a former question.
    bool check_end()
    {
        for (size_t i = e_.request.messages.size(); i-- > 0;) {
            const Message& m = e_.request.messages[i];
            if (is_system(m)) continue;
            bool any = has_parts(m);
            if (m.role == Role::assistant && !any) continue;
            if (m.role == Role::assistant)
                return e_.refuse(parts_.place(m, "role"), "the last message cannot be the assistant's");
            if (m.role == Role::user && !any && has_turns(e_.request))
                return e_.refuse(parts_.place(m, "content"), "it is empty");
            break;
        }
        return true;
    }

    // Messages of one role become one content.
    bool add_message(const Message& m)
    {
        if (m.role == Role::function)
            return e_.refuse(parts_.place(m, "role"), "the role 'function' is deprecated, use 'tool'");
        for (std::string_view member : {"function_call", "audio"}) {
            if (m.role == Role::assistant && m.source->get(member)) return e_.refuse(parts_.place(m, member));
        }
        Turn turn = m.role == Role::assistant ? Turn::model : m.role == Role::tool ? Turn::results : Turn::user;
        if (has_parts(m) && turn != role_) {
            if (!write_turn()) return false;
            role_ = turn;
        }
        turn_.push_back(&m);
        if (turn == Turn::model) note_calls(m);
        return true;
    }

    // Results bring only the id of their call.
    void note_calls(const Message& m)
    {
        for (const Block& b : m.blocks) {
            if (b.kind == BlockKind::tool_call) calls_[b.id->text()] = {b.name, passed_++};
        }
    }

    bool write_turn()
    {
        if (role_ == Turn::none) return write_losses();
        if (turns_ == 0 && role_ != Turn::user) write_opening();
        open_turn(role_ == Turn::model ? "model" : "user");
        if (role_ == Turn::model) parts_.begin_turn();
        if (turns_ == 1 && opens_with_system_ && !write_system_parts(e_, parts_, json_only_)) return false;
        if (role_ == Turn::results ? !write_results() : !write_parts()) return false;
        turn_.clear();
        close_turn();
        return true;
    }

    bool write_parts()
    {
        for (const Message* m : turn_) {
            if (!parts_.write(*m)) return false;
        }
        return true;
    }

    // Messages in front of any turn: nothing is written, but what they lose is told.
    bool write_losses()
    {
        bool ok = write_parts();
        turn_.clear();
        return ok;
    }

    // In the order of the calls, whatever order the client has them in.
    bool write_results()
    {
        std::vector<std::pair<Call, const Message*>> results;
        for (const Message* m : turn_) {
            if (m->role != Role::tool) continue;
            auto call = calls_.find(m->blocks.front().id->text());
            if (call == calls_.end()) {
                return e_.refuse(parts_.place(*m, "tool_call_id"), "no assistant's message before it has this call");
            }
            results.emplace_back(call->second, m);
        }
        std::stable_sort(results.begin(), results.end(),
                         [](const auto& a, const auto& b) { return a.first.order < b.first.order; });
        for (const auto& [call, m] : results) {
            if (!parts_.write_result(*m, call)) return false;
        }
        return true;
    }

    void write_opening()
    {
        open_turn("user");
        parts_.write_text(kOpening);
        close_turn();
    }

    void open_turn(std::string_view role)
    {
        turns_++;
        w_.open_object();
        w_.string_member("role", role);
        w_.key("parts").open_array();
    }

    void close_turn()
    {
        w_.close_array();
        w_.close_object();
    }

    Encoder& e_;
    Writer& w_;
    PartWriter parts_;
    bool json_only_;
    bool opens_with_system_ = false;
    Turn role_ = Turn::none;            // of the turn that is being gathered
    std::vector<const Message*> turn_;  // its messages
    size_t turns_ = 0;                  // written
    std::unordered_map<std::string, Call> calls_;
    size_t passed_ = 0;  // calls so far
};

}  // namespace

bool write_system(Encoder& e, bool json_only)
{
    if (!has_instruction(e) || !has_system(e.request, json_only)) return true;
    PartWriter parts(e);
    auto instruction = e.w.object("systemInstruction");
    auto list = e.w.array("parts");
    return write_system_parts(e, parts, json_only);
}

bool write_contents(Encoder& e, bool json_only)
{
    return Contents(e, json_only).write();
}

}  // namespace llm::gemini
