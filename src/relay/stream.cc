#include "relay/stream.hpp"

#include "base/text.hpp"
#include "json/splice.hpp"

namespace llm::relay {

using chat::Delta;
using chat::DeltaKind;

Stream::Stream(const Options& options)
    : options_(options),
      reader_(options.max_event),
      decoder_(options.dialect->stream(options.decode)),
      writer_(options.answer)
{
}

Status Stream::put(const Delta& delta)
{
    if (delta.kind == DeltaKind::ping) {
        // Before the first content the client has not even a head.
        if (seen_.content) out_->append(client::kPing);
        return kOk;
    }
    seen_.note(delta);
    if (!options_.same_format()) {
        writer_.put(delta, *out_);
        return kOk;
    }
    switch (delta.kind) {
        case DeltaKind::start:
            writer_.put(delta, *out_);  // writes nothing; an error chunk needs id and model
            model_ = delta.model.bytes;
            break;
        case DeltaKind::usage:
            usage_only_ = true;
            break;
        default:
            other_ = true;
            break;
    }
    return kOk;
}

// An event of the client's own format: its bytes, but for the model's name
// where another one was asked for, and without the usage chunk that only the
// gateway wanted.
void Stream::pass_through(std::string_view data, Rope& out)
{
    if (usage_only_ && !other_ && !options_.answer.include_usage) return;
    if (options_.answer.model.empty() || model_.empty()) return client::append_event(out, data);

    Rope name;
    json::append_escaped(name, options_.answer.model);
    json::Splice splice(data);
    splice.replace(model_, name.str());
    Rope renamed;
    splice.apply(renamed);
    client::append_event(out, renamed.str());
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
    if (!text::is_utf8(event.data)) {
        mended_.clear();
        text::append_sanitized(mended_, event.data);
        event.data = mended_;
    }
    usage_only_ = other_ = false;
    model_ = {};
    if (Status s = decoder_->event(event, *this); !s.ok()) return s;
    if (!options_.same_format() || seen_.error.set() || event.data.empty()) return kOk;
    if (seen_.complete) {
        out.append(client::kDone);
    } else {
        pass_through(event.data, out);
    }
    return kOk;
}

void Stream::fail(const chat::ApiError& error, Rope& out)
{
    (void)whole(out, [&] {
        writer_.fail(error, out);
        return kOk;
    });
}

Status Stream::feed(std::string_view bytes, Rope& out)
{
    out_ = &out;
    reader_.push(bytes);
    wire::WireEvent event;
    // What comes after the terminator is nobody's.
    while (!seen_.complete && !seen_.error.set() && reader_.next(event)) {
        if (Status s = whole(out, [&] { return on_event(event, out); }); !s.ok()) return s;
    }
    return reader_.status();
}

Status Stream::end(Rope& out)
{
    out_ = &out;
    wire::WireEvent event;
    if (!seen_.complete && !seen_.error.set() && reader_.finish(event)) {
        // Half an event is as good as none.
        if (Status s = whole(out, [&] { return on_event(event, out); }); !s.ok())
            return llm::fail(Errc::truncated, s.at);
    }
    if (seen_.complete || seen_.error.set()) return kOk;
    return whole(out, [&] {
        Status s = decoder_->end(*this);
        if (s.ok() && options_.same_format()) out.append(client::kDone);
        return s;
    });
}

}  // namespace llm::relay
