#include "relay/stream.hpp"

#include "base/text.hpp"
#include "json/splice.hpp"

namespace llm::relay {

using chat::Delta;
using chat::DeltaKind;

Stream::Stream(const Options& options)
    : options_(options),
      format_(client::format(options.format)),
      reader_(wire::make_reader(options.framing, options.max_event)),
      decoder_(options.dialect->stream(decode_options())),
      writer_(format_.stream(options.answer)),
      validator_(options.wants_json, options.decode.json)
{
}

dialects::DecodeOptions Stream::decode_options()
{
    dialects::DecodeOptions decode = options_.decode;
    if (options_.mends()) decode.mends = &mends_;
    return decode;
}

Status Stream::put(const Delta& delta)
{
    if (delta.kind == DeltaKind::ping) {
        // Before the first content the client has not even a head.
        if (seen_.content) out_->append(format_.ping);
        return kOk;
    }
    seen_.note(delta);
    if (delta.kind != DeltaKind::start && delta.kind != DeltaKind::role) {
        contents_++;
        content_ = delta;
    }
    if (options_.validate) {
        validator_.note(delta);
        if (delta.kind == DeltaKind::end) seen_.judge(validator_);
    }
    if (delta.kind == DeltaKind::usage) {
        put_usage(delta);
        return kOk;
    }
    if (!options_.same_format()) {
        writer_->put(delta, *out_);
        if (delta.kind == DeltaKind::end && options_.tracer) {
            out_->cut(out_->size() - format_.terminator.size());
            terminate(*out_);
        }
        return kOk;
    }
    switch (delta.kind) {
        case DeltaKind::start: {
            Rope unsent;  // an error that ends the stream needs id and model
            writer_->put(delta, unsent);
            model_ = delta.model.bytes;
            break;
        }
        default:
            other_ = true;
            break;
    }
    return kOk;
}

void Stream::put_usage(const Delta& delta)
{
    bool told = options_.answer.include_usage && options_.pricer;
    cost_ = told ? options_.pricer->cost(*delta.usage) : std::nullopt;
    if (options_.same_format()) {
        usage_only_ = true;
        usage_ = delta.usage_text;
        return;
    }
    chat::Usage usage = *delta.usage;
    usage.cost = cost_;
    Delta priced = delta;
    priced.usage = &usage;
    writer_->put(priced, *out_);
}

// An event of the client's own format: its bytes, but for what is mended, for
// the model's name where another one was asked for and the cost in its usage,
// and without the usage chunk that only the gateway wanted.
void Stream::pass_through(const wire::WireEvent& event, Rope& out)
{
    if (mends_.withheld || (usage_only_ && !other_ && !options_.answer.include_usage)) return;
    std::string_view type = format_.named_events ? event.type : std::string_view();
    bool renamed = !options_.answer.model.empty() && !model_.empty();
    bool priced = cost_ && !usage_.empty();
    json::Splice& splice = mends_.splice;
    if (renamed) {
        Rope name;
        json::append_escaped(name, options_.answer.model);
        splice.replace(model_, name.str());
    }
    if (priced) splice.replace(usage_.substr(usage_.size() - 1, 0), ",\"cost\":" + chat::dollars(*cost_));
    if (splice.empty()) return client::append_event(out, type, event.data);

    Rope changed;
    splice.apply(changed);
    client::append_event(out, type, changed.str());
}

// An event that differs from the one before in its text.
Status Stream::repeat(const wire::WireEvent& event, const Delta& delta, Rope& out)
{
    seen_.note(delta);
    if (options_.validate) validator_.note(delta);
    if (options_.same_format()) {
        client::append_event(out, format_.named_events ? event.type : std::string_view(), event.data);
    } else {
        writer_->put(delta, out);
    }
    return kOk;
}

void Stream::learn(const wire::WireEvent& event)
{
    // Where the model is renamed or something mended, bytes do not pass as they are.
    bool changed = options_.same_format() && !options_.answer.model.empty();
    changed = changed || mends_.withheld || !mends_.splice.empty();
    if (contents_ == 1 && !changed && decoder_->repeats_text()) {
        text_event_.learn(event, content_);
    } else {
        text_event_.forget();
    }
}

// An event's chunks go out whole or not at all, also when memory runs out.
template <class Work>
Status Stream::whole(Rope& out, Work work)
{
    size_t before = out.size();
    try {
        return work();
    } catch (...) {
        out.cut(before);
        throw;
    }
}

Status Stream::on_event(wire::WireEvent event, Rope& out)
{
    if (event.ping) return put({.kind = DeltaKind::ping});
    Delta delta;
    if (text_event_.fits(event, delta)) return repeat(event, delta, out);
    if (!text::is_utf8(event.data)) {
        mended_.clear();
        text::append_sanitized(mended_, event.data);
        event.data = mended_;
    }
    usage_only_ = other_ = false;
    model_ = usage_ = {};
    contents_ = 0;
    mends_.reset(event.data);
    if (Status s = decoder_->event(event, *this); !s.ok()) return s;
    learn(event);
    if (!options_.same_format() || seen_.error.set() || event.data.empty()) return kOk;
    if (seen_.complete && !format_.terminator.empty()) {
        terminate(out);
    } else {
        pass_through(event, out);
    }
    return kOk;
}

void Stream::fail(const chat::ApiError& error, Rope& out)
{
    (void)whole(out, [&] {
        tell_trace(out);
        writer_->fail(error, out);
        return kOk;
    });
}

void Stream::tell_trace(Rope& out)
{
    if (options_.tracer) writer_->annotate("llm_trace", options_.tracer->trace(), out);
}

// Writes what ends a stream, and what comes just before it.
void Stream::terminate(Rope& out)
{
    if (format_.terminator.empty()) return;
    tell_trace(out);
    out.append(format_.terminator);
}

Status Stream::feed(std::string_view bytes, Rope& out)
{
    out_ = &out;
    reader_->push(bytes);
    wire::WireEvent event;
    // What comes after the terminator is nobody's.
    while (!seen_.complete && !seen_.error.set() && reader_->next(event)) {
        if (Status s = whole(out, [&] { return on_event(event, out); }); !s.ok()) return s;
    }
    return reader_->status();
}

Status Stream::end(Rope& out)
{
    out_ = &out;
    wire::WireEvent event;
    if (!seen_.complete && !seen_.error.set() && reader_->finish(event)) {
        // Half an event is as good as none.
        if (Status s = whole(out, [&] { return on_event(event, out); }); !s.ok())
            return llm::fail(Errc::truncated, s.at);
    }
    if (seen_.complete || seen_.error.set()) return kOk;
    return whole(out, [&] {
        Status s = decoder_->end(*this);
        if (s.ok() && options_.same_format()) terminate(out);
        return s;
    });
}

}  // namespace llm::relay
