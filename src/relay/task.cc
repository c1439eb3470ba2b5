#include "relay/task.hpp"

#include "relay/chat_task.hpp"
#include "relay/vectors_task.hpp"

namespace llm::relay {

std::unique_ptr<Task> make_task(Operation operation)
{
    switch (operation) {
        case Operation::embeddings:
            return std::make_unique<EmbeddingsTask>();
        case Operation::rerank:
            return std::make_unique<RerankTask>();
        case Operation::chat_completions:
            break;
    }
    return std::make_unique<ChatTask>(chat::ClientFormat::chat_completions);
}

const client::Format& format_of(Operation) noexcept
{
    return client::format(chat::ClientFormat::chat_completions);
}

}  // namespace llm::relay
