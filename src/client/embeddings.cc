#include "client/embeddings.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/base64.hpp"
#include "base/text.hpp"
#include "client/checker.hpp"
#include "json/writer.hpp"

namespace llm::client {

namespace {

using chat::EmbeddingsRequest;
using json::Value;

static_assert(std::endian::native == std::endian::little, "vectors in base64 are little-endian");

class Reader {
public:
    Reader(const RequestLimits& limits, EmbeddingsRequest& out, chat::ApiError& error)
        : limits_(limits), request_(out), c_(out, error)
    {
    }

    bool read(std::string_view body)
    {
        json::Limits json = limits_.json;
        json.fold_numbers = true;
        if (!c_.parse(body, json)) return false;
        for (const Value& member : request_.document.root()) {
            if (!member.is_null() && !read_member(member)) return false;
        }
        if (!request_.model) return c_.missing("model");
        if (!request_.input) return c_.missing("input");
        request_.unknown = c_.copy(std::span<const Value* const>(unknown_));
        return true;
    }

private:
    struct Field {
        std::string_view name;
        const Value* EmbeddingsRequest::*member;
        TypeMask types;
    };
    static constexpr std::array kFields = {
        Field{"encoding_format", &EmbeddingsRequest::encoding_format, kString},
        Field{"dimensions", &EmbeddingsRequest::dimensions, kNumber},
        Field{"user", &EmbeddingsRequest::user, kString},
        Field{"input_type", &EmbeddingsRequest::input_type, kString},
    };

    bool read_member(const Value& v)
    {
        if (v.key_is("model")) return c_.read_model(v);
        if (v.key_is("input")) return read_input(v);
        for (const Field& field : kFields) {
            if (!v.key_is(field.name)) continue;
            request_.*field.member = &v;
            if (!c_.check(v, field.types, {}, field.name)) return false;
            return field.member != &EmbeddingsRequest::encoding_format || read_encoding(v);
        }
        unknown_.push_back(&v);
        return true;
    }

    bool read_encoding(const Value& v)
    {
        request_.base64 = v.is("base64");
        if (request_.base64 || v.is("float")) return true;
        return c_.bad("encoding_format", "Invalid 'encoding_format': it is \"float\" or \"base64\".", "invalid_value");
    }

    bool read_input(const Value& v)
    {
        if (!c_.check(v, kString | kArray, {}, "input")) return false;
        request_.input = &v;
        if (v.is_string() || v.is_numbers()) {
            request_.tokens = v.is_numbers();
            inputs_.push_back(&v);
        } else if (!read_list(v)) {
            return false;
        }
        request_.inputs = c_.copy(std::span<const Value* const>(inputs_));
        return true;
    }

    bool read_list(const Value& list)
    {
        if (list.size() == 0) return c_.bad("input", "Invalid 'input': the array is empty.", "empty_array");
        if (list.size() > kMaxInputs) {
            return c_.bad("input",
                          "Invalid 'input': the array has " + std::to_string(list.size()) + " elements, more than " +
                              std::to_string(kMaxInputs) + '.',
                          "array_above_max_length");
        }
        request_.tokens = list.begin()->is_array();
        for (const Value& one : list) {
            Place place{"input", inputs_.size()};
            if (!c_.check(one, request_.tokens ? kArray : kString, place)) return false;
            if (request_.tokens && !one.is_numbers()) {
                return c_.bad(place / "", "Invalid '" + (place / "") + "': expected an array of token numbers.",
                              "invalid_type");
            }
            inputs_.push_back(&one);
        }
        return true;
    }

    const RequestLimits& limits_;
    EmbeddingsRequest& request_;
    BodyChecker c_;
    std::vector<const Value*> inputs_;
    std::vector<const Value*> unknown_;
};

// The numbers of an array's text, in single precision.
bool read_floats(std::string_view array, std::string& bytes)
{
    constexpr std::string_view kBetween = "[], \t\r\n";
    const char* at = array.data();
    const char* end = at + array.size();
    for (;;) {
        while (at != end && kBetween.find(*at) != kBetween.npos) at++;
        if (at == end) return true;
        double number;  // from_chars gives up on what no float holds, such as 1e-50
        auto [next, error] = std::from_chars(at, end, number);
        if (error == std::errc::invalid_argument) return false;
        if (error == std::errc::result_out_of_range) number = 0;
        auto single = static_cast<float>(number);
        bytes.append(reinterpret_cast<const char*>(&single), sizeof(single));
        at = next;
    }
}

bool write_floats(std::string_view bytes, std::string& array)
{
    if (bytes.size() % sizeof(float) != 0) return false;
    constexpr size_t kLongest = 32;
    array += '[';
    for (; !bytes.empty(); bytes.remove_prefix(sizeof(float))) {
        float number;
        std::memcpy(&number, bytes.data(), sizeof(number));
        if (number != number || number - number != 0) return false;  // no JSON has a word for it
        if (array.size() > 1) array += ',';
        char text[kLongest];
        auto [end, error] = std::to_chars(text, text + sizeof(text), number);
        array.append(text, end);
    }
    array += ']';
    return true;
}

bool to_base64(const Value& numbers, std::string& out)
{
    std::string bytes;
    if (!read_floats(numbers.raw(), bytes)) return false;
    out += '"';
    base64_encode(bytes, out);
    out += '"';
    return true;
}

bool to_floats(const Value& text, std::string& out)
{
    std::string bytes;
    return base64_decode(text.body(), bytes) && write_floats(bytes, out);
}

}  // namespace

bool read_embeddings(std::string_view body, const RequestLimits& limits, EmbeddingsRequest& out, chat::ApiError& error)
{
    return Reader(limits, out, error).read(body);
}

EmbeddingsWriter::EmbeddingsWriter(const EmbeddingsRequest& request, std::string model)
    : request_(request), model_(std::move(model)), renamed_(!model_.empty()), embeddings_(request.inputs.size())
{
}

Status EmbeddingsWriter::put(size_t index, const Value& embedding)
{
    if (index >= part_.count) return fail(Errc::protocol, "embedding of an input that was not sent");
    std::string& to = embeddings_[part_.first + index];
    to.clear();
    if (!embedding.is_string() && !embedding.is_numbers()) return fail(Errc::protocol, "embedding that is no vector");
    if (embedding.is_string() == request_.base64) {
        to = embedding.raw();
        return kOk;
    }
    converted_ = true;
    if (embedding.is_string() ? to_floats(embedding, to) : to_base64(embedding, to)) return kOk;
    return fail(Errc::protocol, "embedding that is no vector");
}

void EmbeddingsWriter::model(const Value& name)
{
    if (!renamed_) model_ = name.text().substr(0, kMaxName);
}

void EmbeddingsWriter::usage(const chat::Usage& usage)
{
    usage_.known = true;
    usage_.prompt += usage.prompt;
}

bool EmbeddingsWriter::complete() const noexcept
{
    for (size_t i = part_.first; i < part_.first + part_.count; i++) {
        if (embeddings_[i].empty()) return false;
    }
    return true;
}

void EmbeddingsWriter::write(Rope& out) const
{
    json::Writer w(out);
    auto body = w.object();
    w.string_member("object", "list");
    {
        auto data = w.array("data");
        for (size_t i = 0; i < embeddings_.size(); i++) {
            auto one = w.object();
            w.string_member("object", "embedding");
            w.member("index", i);
            w.raw_member("embedding", embeddings_[i]);
        }
    }
    w.string_member("model", model_.empty() ? request_.model_name : std::string_view(model_));
    auto usage = w.object("usage");
    w.member("prompt_tokens", static_cast<uint64_t>(usage_.prompt));
    w.member("total_tokens", static_cast<uint64_t>(usage_.prompt));
}

}  // namespace llm::client
