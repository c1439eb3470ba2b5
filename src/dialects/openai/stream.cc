#include "dialects/openai/openai.hpp"

namespace llm::openai {

namespace {

using namespace chat;
using json::Value;

constexpr std::string_view kDone = "[DONE]";

class Decoder final : public dialects::StreamDecoder {
public:
    explicit Decoder(const dialects::DecodeOptions& options)
        : json_(options.json), quirks_(*options.quirks), choices_(options, Shape::chunk)
    {
    }

    Status event(const wire::WireEvent& event, DeltaSink& sink) override
    {
        if (ended_ || event.data.empty()) return kOk;
        if (event.data.starts_with(kDone)) {
            ended_ = true;
            return sink.put({.kind = DeltaKind::end});
        }
        if (Status s = doc_.parse_next(event.data, json::Mode::liberal, json_); !s.ok()) return s;
        const Value& root = doc_.root();
        if (Status s = read_envelope(root, quirks_, choices_.mender(), sink, ended_); !s.ok() || ended_) return s;
        const Value* choices = root.get("choices");
        if (!choices || !choices->is_array()) return kOk;
        for (const Value& choice : *choices) {
            if (Status s = choices_.read(choice, sink); !s.ok()) return s;
        }
        return kOk;
    }

    // Some servers close without [DONE]: a finish reason says that all was sent.
    Status end(DeltaSink& sink) override
    {
        if (ended_) return kOk;
        if (!choices_.finished()) return fail(Errc::truncated, "stream ended without finish reason");
        ended_ = true;
        return sink.put({.kind = DeltaKind::end});
    }

    bool repeats_text() const noexcept override { return true; }

private:
    json::Limits json_;
    const dialects::Quirks& quirks_;
    json::Document doc_;
    ChoiceReader choices_;
    bool ended_ = false;
};

}  // namespace

std::unique_ptr<dialects::StreamDecoder> make_stream(const dialects::DecodeOptions& options)
{
    return std::make_unique<Decoder>(options);
}

}  // namespace llm::openai
