#pragma once

#include "ngx/ngx.hpp"

// What is done once a configuration and once a process.
namespace llm::ngx {

// preconfiguration: the $llm_* variables (variables.cc).
ngx_int_t add_variables(ngx_conf_t* cf);

// postconfiguration: checks that need the whole configuration, filters.
ngx_int_t finish_conf(ngx_conf_t* cf);

ngx_int_t init_process(ngx_cycle_t* cycle);
void exit_process(ngx_cycle_t* cycle);

// Installs the header and body filters (filters.cc).
void install_filters();

}  // namespace llm::ngx
