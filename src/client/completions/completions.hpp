#pragma once

#include "client/format.hpp"
#include "json/writer.hpp"

// `POST /v1/chat/completions` (wire format: openai-chat).
namespace llm::completions {

extern const client::Format kFormat;

bool read_request(std::string_view body, const client::RequestLimits& limits, chat::Request& out,
                  chat::ApiError& error);

std::string_view finish_reason_name(chat::FinishReason reason) noexcept;

// One element of `thinking_blocks`, the form in which clients of such gateways
// keep signed thinking and give it back. A stream's pieces carry an empty
// signature; the piece with the signature ends the block. `index` is of the
// block in a stream, where SDKs put lists together by it.
using BlockIndex = std::optional<uint32_t>;
void write_thinking(json::Writer& w, const chat::Text& text, const chat::Text& signature, BlockIndex index = {});
void write_redacted(json::Writer& w, const chat::Text& data, BlockIndex index = {});

// An element of `images`, where clients of such gateways look for them.
void write_image(json::Writer& w, const chat::Text& media, const chat::Text& data, uint32_t index);

// The member of a call that carries the provider's signature to the client and back.
void write_call_signature(json::Writer& w, const chat::Text& signature);

void write_usage(json::Writer& w, const chat::Usage& usage);

// The `error` object's members: message, type, param and code.
void write_error(json::Writer& w, const chat::ApiError& error);

// A whole error body: {"error":{...}}.
std::string error_body(const chat::ApiError& error);

}  // namespace llm::completions
