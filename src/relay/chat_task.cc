#include "relay/chat_task.hpp"

namespace llm::relay {

namespace {

class ChatCall final : public Call {
public:
    ChatCall(const chat::Request& request, const providers::Endpoint& endpoint, const Settings& settings)
        : request_(request), endpoint_(endpoint), stream_(request.stream)
    {
        const client::Format& format = client::format(request.format);
        options_.dialect = endpoint.dialect;
        options_.format = request.format;
        options_.framing = endpoint.framing;
        options_.max_event = settings.max_event;
        options_.decode.max_tool_arguments = settings.max_tool_arguments;
        options_.decode.json = settings.json;
        options_.decode.quirks = endpoint.quirks;
        options_.decode.id = settings.id;
        options_.answer.created = settings.created;
        options_.answer.id = std::string(format.id_prefix) + settings.id;
        options_.answer.model = settings.model;
        options_.answer.include_usage = request.include_usage;
        if (format.echo) options_.answer.echo = format.echo(request);
    }

    bool encode(size_t, const dialects::EncodeOptions& options, dialects::EncodedRequest& out,
                chat::ApiError& error) override
    {
        dialects::EncodeOptions own = options;
        own.quirks = endpoint_.quirks;
        if (!endpoint_.dialect->encode(request_, own, out, error)) return false;
        options_.decode.hints = out.hints;
        return true;
    }

    std::string_view path() const noexcept override { return endpoint_.path_for(stream_); }
    std::unique_ptr<Stream> stream() override { return std::make_unique<Stream>(options_); }

    bool take(size_t, std::string_view body, Rope& out, Seen& seen) override
    {
        return relay_answer(body, options_, out, seen);
    }

    chat::ApiError decode_error(int http_status, std::string_view body) override
    {
        return providers::decode_error(endpoint_, http_status, body);
    }

private:
    const chat::Request& request_;  // for encode(): it may be gone when an answer streams
    const providers::Endpoint& endpoint_;
    bool stream_;
    Options options_;
};

}  // namespace

bool ChatTask::read(std::string_view body, const client::RequestLimits& limits, chat::ApiError& error)
{
    request_.format = format_;
    return client::format(format_).read(body, limits, request_, error);
}

std::unique_ptr<Call> ChatTask::call(const providers::Provider& provider, std::string_view,
                                     const Settings& settings) const
{
    return std::make_unique<ChatCall>(request_, provider.chat, settings);
}

}  // namespace llm::relay
