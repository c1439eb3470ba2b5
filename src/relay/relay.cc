#include "relay/relay.hpp"

#include "base/text.hpp"
#include "json/splice.hpp"

namespace llm::relay {

namespace {

using chat::Delta;
using chat::DeltaKind;

// Watches the deltas of an answer; passes them on when it is to be rewritten.
class Watcher final : public chat::DeltaSink {
public:
    Watcher(Seen& seen, Validator* validator, chat::DeltaSink* next) noexcept
        : seen_(seen), validator_(validator), next_(next)
    {
    }

    Status put(const Delta& delta) override
    {
        seen_.note(delta);
        if (validator_) validator_->note(delta);
        if (delta.kind == DeltaKind::start && model_.empty()) model_ = delta.model.bytes;
        return next_ ? next_->put(delta) : kOk;
    }

    // The model's name where it stands in the body.
    std::string_view model() const noexcept { return model_; }

private:
    Seen& seen_;
    Validator* validator_;
    chat::DeltaSink* next_;
    std::string_view model_;
};

}  // namespace

void Seen::note(const Delta& delta)
{
    content = content || delta.is_content();
    refused = refused || (delta.kind == DeltaKind::refusal && !delta.text.empty());
    switch (delta.kind) {
        case DeltaKind::finish:
            if (!finished) finish = delta.finish;
            finished = true;
            refused = refused || delta.finish == chat::FinishReason::content_filter;
            // Cut or filtered before the first word: that is the answer.
            if (delta.finish == chat::FinishReason::length || delta.finish == chat::FinishReason::content_filter) {
                content = true;
            }
            break;
        case DeltaKind::usage:
            usage = *delta.usage;
            break;
        case DeltaKind::error:
            error = *delta.error;
            break;
        case DeltaKind::end:
            complete = true;
            break;
        default:
            break;
    }
}

void Seen::judge(Validator& validator)
{
    flaw = validator.judge();
    place = validator.place();
}

chat::ApiError error_of(Status status)
{
    using chat::ErrorClass;
    if (status.code == Errc::truncated) {
        return make_error(ErrorClass::interrupted, "The upstream stopped in the middle of the answer.");
    }
    std::string message = "The upstream's answer cannot be used: " + std::string(status.at) + '.';
    return make_error(ErrorClass::protocol, message);
}

bool relay_answer(std::string_view body, const Options& options, Rope& out, Seen& seen)
{
    std::string mended;
    if (!text::is_utf8(body)) {
        text::append_sanitized(mended, body);
        body = mended;
    }
    std::unique_ptr<client::AnswerWriter> writer;
    if (!options.same_format()) writer = client::format(options.format).answer(options.answer);
    Validator validator(options.wants_json, options.decode.json);
    Watcher watcher(seen, options.validate ? &validator : nullptr, writer.get());
    dialects::Mends mends;
    mends.reset(body);
    dialects::DecodeOptions decode = options.decode;
    if (options.mends()) decode.mends = &mends;
    Status status = options.dialect->decode(body, decode, watcher);
    if (!status.ok()) seen.error = error_of(status);
    if (seen.error.set()) return false;
    if (options.validate) seen.judge(validator);

    Rope answer;
    if (!writer) {
        if (!options.answer.model.empty() && !watcher.model().empty()) {
            Rope name;
            json::append_escaped(name, options.answer.model);
            mends.splice.replace(watcher.model(), name.str());
        }
        mends.splice.apply(answer);
    } else {
        writer->write(answer);
    }
    // Only a body that passes through as it came outlives this call.
    if (!writer && mended.empty()) {
        out = std::move(answer);
    } else {
        out.append(answer);
    }
    return true;
}

}  // namespace llm::relay
