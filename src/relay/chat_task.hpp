#pragma once

#include "relay/task.hpp"

namespace llm::relay {

// A chat, in any of the client formats.
class ChatTask final : public Task {
public:
    explicit ChatTask(chat::ClientFormat format) : format_(format) {}

    bool read(std::string_view body, const client::RequestLimits& limits, chat::ApiError& error) override;
    const chat::RequestBody& request() const noexcept override { return request_; }
    bool stream() const noexcept override { return request_.stream; }
    std::unique_ptr<Call> call(const providers::Provider& provider, std::string_view model,
                               const Settings& settings) const override;

private:
    chat::ClientFormat format_;
    chat::Request request_;
};

}  // namespace llm::relay
