#include "relay/vectors_task.hpp"

#include "chat/upstream_error.hpp"
#include "client/embeddings.hpp"
#include "client/rerank.hpp"

namespace llm::relay {

namespace {

using json::Value;

// What a body amounts to that could not be read: some providers tell of errors
// with status 200.
chat::ApiError why_no_answer(std::string_view body, const json::Limits& limits, Status status)
{
    json::Document doc;
    if (doc.parse(body, json::Mode::liberal, limits).ok()) {
        const Value* error = doc.root().get("error");
        if (error && error->size() + error->body().size() > 0) {
            chat::ErrorBody said = chat::read_error_body(doc.root());
            return chat::upstream_error(chat::classify(0, said), said);
        }
    }
    return error_of(status);
}

void finish(Seen& seen, const chat::Usage& usage)
{
    seen.usage = usage;
    seen.content = seen.complete = true;
}

class EmbeddingsCall final : public Call {
public:
    EmbeddingsCall(const chat::EmbeddingsRequest& request, const providers::Provider& provider, std::string_view model,
                   const Settings& settings)
        : request_(request),
          provider_(provider),
          codec_(*provider.embeddings.codec),
          batch_(std::max<size_t>(codec_.batch(model), 1)),
          limits_(settings.json),
          renamed_(!settings.model.empty()),
          writer_(request, settings.model)
    {
        left_ = parts();
    }

    size_t parts() const noexcept override { return (request_.inputs.size() + batch_ - 1) / batch_; }

    bool encode(size_t part, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
                chat::ApiError& error) override
    {
        return codec_.encode(request_, range(part), options, out, error);
    }

    std::string_view path() const noexcept override { return provider_.embeddings.path; }

    bool take(size_t part, std::string_view body, Rope& out, Seen& seen) override
    {
        writer_.begin(range(part));
        Status status = codec_.decode(body, limits_, writer_);
        if (status.ok() && !writer_.complete()) status = fail(Errc::protocol, "answer without all embeddings");
        if (!status.ok()) seen.error = why_no_answer(body, limits_, status);
        if (seen.error.set()) return false;
        if (--left_ > 0) return true;

        finish(seen, writer_.usage());
        if (parts() == 1 && codec_.same_format && !writer_.converted() && !renamed_) {
            out.ref(body);
        } else {
            writer_.write(out);
        }
        return true;
    }

    chat::ApiError decode_error(int http_status, std::string_view body) override
    {
        return providers::decode_error(provider_.chat, http_status, body);
    }

private:
    chat::Part range(size_t part) const noexcept
    {
        size_t first = part * batch_;
        return {first, std::min(batch_, request_.inputs.size() - first)};
    }

    const chat::EmbeddingsRequest& request_;
    const providers::Provider& provider_;
    const dialects::Embeddings& codec_;
    size_t batch_;
    size_t left_;
    json::Limits limits_;
    bool renamed_;
    client::EmbeddingsWriter writer_;
};

class RerankCall final : public Call {
public:
    RerankCall(const chat::RerankRequest& request, const providers::Provider& provider, const Settings& settings)
        : request_(request),
          provider_(provider),
          codec_(*provider.rerank.codec),
          limits_(settings.json),
          renamed_(!settings.model.empty()),
          writer_(request, "rerank-" + settings.id, settings.model)
    {
    }

    bool encode(size_t, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
                chat::ApiError& error) override
    {
        return codec_.encode(request_, options, out, error);
    }

    std::string_view path() const noexcept override { return provider_.rerank.path; }

    bool take(size_t, std::string_view body, Rope& out, Seen& seen) override
    {
        Status status = codec_.decode(body, limits_, writer_);
        if (!status.ok()) seen.error = why_no_answer(body, limits_, status);
        if (seen.error.set()) return false;
        finish(seen, writer_.usage());
        if (codec_.same_format && !renamed_) {
            out.ref(body);
        } else {
            writer_.write(out);
        }
        return true;
    }

    chat::ApiError decode_error(int http_status, std::string_view body) override
    {
        return providers::decode_error(provider_.chat, http_status, body);
    }

private:
    const chat::RerankRequest& request_;
    const providers::Provider& provider_;
    const dialects::Rerank& codec_;
    json::Limits limits_;
    bool renamed_;
    client::RerankWriter writer_;
};

}  // namespace

bool EmbeddingsTask::read(std::string_view body, const client::RequestLimits& limits, chat::ApiError& error)
{
    return client::read_embeddings(body, limits, request_, error);
}

std::unique_ptr<Call> EmbeddingsTask::call(const providers::Provider& provider, std::string_view model,
                                           const Settings& settings) const
{
    if (!provider.embeddings.codec) return nullptr;
    return std::make_unique<EmbeddingsCall>(request_, provider, model, settings);
}

bool RerankTask::read(std::string_view body, const client::RequestLimits& limits, chat::ApiError& error)
{
    return client::read_rerank(body, limits, request_, error);
}

std::unique_ptr<Call> RerankTask::call(const providers::Provider& provider, std::string_view,
                                       const Settings& settings) const
{
    if (!provider.rerank.codec) return nullptr;
    return std::make_unique<RerankCall>(request_, provider, settings);
}

}  // namespace llm::relay
