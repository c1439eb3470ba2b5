// Event streams (wire format: gemini, section 9).
#include "dialects/gemini/gemini.hpp"

namespace llm::gemini {

namespace {

using namespace chat;

class Decoder final : public dialects::StreamDecoder {
public:
    explicit Decoder(const dialects::DecodeOptions& options) : json_(options.json), reader_(options) {}

    Status event(const wire::WireEvent& event, DeltaSink& sink) override
    {
        if (reader_.failed() || event.data.empty()) return kOk;
        if (Status s = doc_.parse_next(event.data, json::Mode::liberal, json_); !s.ok()) return s;
        return reader_.read(doc_.root(), sink);
    }

    // Nothing else than the end of the body says that the answer is complete.
    Status end(DeltaSink& sink) override { return reader_.failed() ? kOk : reader_.end(sink); }

private:
    json::Limits json_;
    json::Document doc_;
    AnswerReader reader_;
};

}  // namespace

std::unique_ptr<dialects::StreamDecoder> make_stream(const dialects::DecodeOptions& options)
{
    return std::make_unique<Decoder>(options);
}

}  // namespace llm::gemini
