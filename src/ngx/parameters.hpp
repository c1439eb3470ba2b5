#pragma once

#include <cstdint>
#include <span>

#include "ngx/ngx.hpp"

namespace llm::ngx {

// A `name=value` behind a directive.
struct Parameter {
    enum class Kind : uint8_t { number, percent, time };  // time: in milliseconds

    std::string_view name;
    Kind kind;
    int64_t least, most;
    int64_t* value;  // set when it is given
};

// Reads the directive's arguments from the `first` on; NGX_CONF_OK, or NGX_CONF_ERROR
// after an error was logged that says what would be right.
char* read_parameters(ngx_conf_t* cf, ngx_uint_t first, std::span<const Parameter> known);

// The value of one parameter, as in `name=value`; false: it is none.
bool read_value(std::string_view text, const Parameter& p, int64_t& value) noexcept;

}  // namespace llm::ngx
