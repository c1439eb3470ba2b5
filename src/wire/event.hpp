#pragma once

#include <string_view>

namespace llm::wire {

// One event of a provider's stream, freed of its framing. The views die at the
// reader's next call.
struct WireEvent {
    std::string_view type;  // event name; empty where the framing has none
    std::string_view data;
    bool ping = false;  // nothing but a sign that the peer is alive
};

}  // namespace llm::wire
