#include "dialects/gemini/schema_node.hpp"

#include <algorithm>
#include <string>

namespace llm::gemini {

using json::Value;

namespace {

// References can make a short schema a large one.
constexpr size_t kMaxNodes = 1U << 14;

}  // namespace

const Value* SchemaNode::find(std::string_view name) const noexcept
{
    for (size_t i = members.size(); i-- > 0;) {
        if (members[i]->key_is(name)) return members[i];
    }
    return nullptr;
}

const Value* SchemaNode::array(std::string_view name) const noexcept
{
    const Value* v = find(name);
    return v && v->is_array() ? v : nullptr;
}

SchemaTypes SchemaNode::types() const
{
    SchemaTypes types{.names = {}, .nullable = nullable};
    auto add = [&](const Value& v) {
        if (v.is("null")) types.nullable = true;
        if (v.is_string() && !v.is("null")) types.names.push_back(v.body());
    };
    if (const Value* type = find("type")) {
        if (type->is_string()) add(*type);
        if (type->is_array()) {
            for (const Value& one : *type) add(one);
        }
    }
    if (const Value* said = find("nullable")) types.nullable |= said->is_true();
    if (const Value* values = array("enum")) {
        for (const Value& one : *values) types.nullable |= one.is_null();
    }
    return types;
}

size_t SchemaReader::enter(const Value& schema, SchemaNode& node)
{
    size_t before = open_.size();
    targets_.clear();
    collect(schema, node);
    open_.insert(open_.end(), targets_.begin(), targets_.end());
    return before;
}

void SchemaReader::collect(const Value& schema, SchemaNode& node)
{
    if (++nodes_ > kMaxNodes) node.endless = true;
    if (!schema.is_object() || node.endless) return;
    if (const Value* ref = schema.find("$ref")) {
        const Value* target = ref->is_string() ? resolve(ref->text()) : nullptr;
        auto is_in = [&](const std::vector<const Value*>& list) {
            return std::find(list.begin(), list.end(), target) != list.end();
        };
        if (!target || is_in(open_) || is_in(chain_)) {
            node.endless = true;
        } else {
            chain_.push_back(target);
            collect(*target, node);
            chain_.pop_back();
            targets_.push_back(target);
        }
    }
    if (const Value* all = schema.find("allOf"); all && all->is_array()) {
        for (const Value& one : *all) collect(one, node);
    }
    for (const Value& m : schema) {
        if (m.key_is("properties") && m.is_object()) {
            node.properties.push_back(&m);
        } else if (m.key_is("required") && m.is_array()) {
            node.required.push_back(&m);
        } else if (!m.key_is("$ref") && !m.key_is("allOf")) {
            node.members.push_back(&m);
        }
    }
}

// "#", or a path of member names from the root: "#/$defs/Person".
const Value* SchemaReader::resolve(std::string_view ref) const
{
    if (!ref.starts_with('#')) return nullptr;
    ref.remove_prefix(1);
    const Value* at = &root_;
    while (at && ref.starts_with('/')) {
        ref.remove_prefix(1);
        size_t end = std::min(ref.find('/'), ref.size());
        std::string name;
        for (std::string_view step = ref.substr(0, end); !step.empty(); step.remove_prefix(1)) {
            // ~1 and ~0 stand for the slash and the tilde (RFC 6901).
            bool escape = step.front() == '~' && step.size() > 1;
            name += escape ? (step[1] == '1' ? '/' : '~') : step.front();
            if (escape) step.remove_prefix(1);
        }
        ref.remove_prefix(end);
        at = at->find(name);
    }
    return ref.empty() ? at : nullptr;
}

}  // namespace llm::gemini
