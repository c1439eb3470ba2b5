#pragma once

#include "json/document.hpp"

namespace llm::json {

// Parses document.source() into the document's nodes.
Status build(Document& document, Mode mode, const Limits& limits);

}  // namespace llm::json
