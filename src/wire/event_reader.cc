#include "wire/event_reader.hpp"

#include "wire/sse_reader.hpp"

namespace llm::wire {

std::unique_ptr<EventReader> make_reader(Framing framing, size_t max_event)
{
    switch (framing) {
        case Framing::sse:
            break;
    }
    return std::make_unique<SseReader>(max_event);
}

}  // namespace llm::wire
