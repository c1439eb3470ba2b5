# ngx_http_llm_gateway_module: `make help` lists the targets.

BUILD     ?= release
NGINX_SRC ?=
NGINX     ?=
PORT      ?= 8080
RUN_DIR   ?= build/run
CC        ?= cc
CXX       ?= c++
DESTDIR   ?=
J         ?= $(shell nproc)

MODULE  := ngx_http_llm_gateway_module.so
SOURCES := $(sort $(shell find src -name '*.cc'))
HEADERS := $(sort $(shell find src -name '*.hpp'))

# Debian's releases that have these versions. nginx itself takes a variable of
# this name for sockets it inherits.
RELEASE_1.22 := bookworm
RELEASE_1.26 := trixie
unexport NGINX
ifneq ($(NGINX),)
RELEASE := $(or $(RELEASE_$(NGINX)),$(error NGINX is 1.22 or 1.26, not "$(NGINX)"; NGINX_SRC=<nginx tree> takes any other))
endif

# One directory a kind of build, so that they never mix.
NAME    := $(BUILD)$(if $(NGINX_SRC),-$(notdir $(NGINX_SRC:%/=%)))$(if $(findstring clang,$(CC)),-clang)
OBJ     := $(CURDIR)/build/$(NAME)
SO      := $(OBJ)/$(MODULE)

ifneq ($(words $(CURDIR)),1)
$(error make cannot build in a directory with blanks in its path: $(CURDIR))
endif

ifeq ($(BUILD),release)
OPT := -g -O2
else ifeq ($(BUILD),debug)
OPT := -g -O0
else ifeq ($(BUILD),asan)
# Every pool allocation one of malloc's, and no tricks with unaligned words.
OPT := -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize=nonnull-attribute \
    -DNGX_DEBUG_PALLOC=1 -DNGX_HAVE_NONALIGNED=0
$(if $(NGINX_SRC),,$(error BUILD=asan needs NGINX_SRC: nginx itself must be built with the sanitizers))
else
$(error BUILD is release, debug or asan, not "$(BUILD)")
endif

# Debian's nginx-dev, or a tree the user has unpacked.
TREE      := $(or $(NGINX_SRC),/usr/share/nginx/src)
NGINX_BIN := $(if $(NGINX_SRC),$(OBJ)/nginx,$(or $(shell command -v nginx),/usr/sbin/nginx))

.PHONY: all help run test sanitized valgrind unit golden fuzz fuzz-build soak bench lint install clean deps-build deps-test

all: deps-build ## build the module (BUILD=release|debug, NGINX_SRC=<nginx tree>)
	@$(MAKE) --no-print-directory $(SO)
	@echo "built $(SO:$(CURDIR)/%=%)"

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

deps-build:
	@conf/deps.sh build $(if $(NGINX_SRC),--no-nginx)

deps-test:
	@conf/deps.sh test

# --- the module -------------------------------------------------------------

# configure's answer depends on which files there are, not on what is in them.
$(OBJ)/files: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(SOURCES) $(HEADERS) | cmp -s - $@ || printf '%s\n' $(SOURCES) $(HEADERS) > $@

$(OBJ)/Makefile: config config.make conf/configure.sh $(OBJ)/files $(if $(NGINX_SRC),,$(NGINX_BIN))
	@CC="$(CC)" OPT="$(OPT)" TREE="$(TREE)" OBJ="$(OBJ)" FROM_SRC="$(NGINX_SRC)" conf/configure.sh > $(OBJ)/configure.log 2>&1 \
	    || { tail -n 20 $(OBJ)/configure.log; exit 1; }

$(SO): $(OBJ)/Makefile $(SOURCES) $(HEADERS)
	@$(MAKE) --no-print-directory -k -j$(J) -C $(TREE) -f $(OBJ)/Makefile $(if $(NGINX_SRC),binary) modules > $(OBJ)/build.log 2>&1 \
	    || { grep -E '(error|warning): |undefined (symbol|reference)' -A4 $(OBJ)/build.log | head -n 80; exit 1; }
	@! nm -uC $(SO) | grep '\bllm::' || { rm -f $(SO); echo "these are declared and nowhere defined"; exit 1; }
	@touch $(SO)

FORCE:

# --- unit tests: everything but src/ngx, with no nginx header in reach -------

UNIT      := build/unit
CORE      := $(filter-out src/ngx/%,$(SOURCES))
UNIT_SRC  := $(sort $(wildcard t/unit/*.cc))
UNIT_OBJ  := $(patsubst %.cc,$(UNIT)/%.o,$(CORE) $(UNIT_SRC))
UNIT_FLAGS := -std=c++20 -g1 -O0 -Wall -Wextra -Wconversion -Wshadow -Werror -fno-omit-frame-pointer \
    -fsanitize=address,undefined -fno-sanitize-recover=undefined -Isrc -It/unit

$(UNIT)/%.o: %.cc
	@mkdir -p $(@D)
	@$(CXX) $(UNIT_FLAGS) -MMD -MP -c $< -o $@

$(UNIT)/unit: $(UNIT_OBJ)
	@$(CXX) $(UNIT_FLAGS) $^ -lgtest -lgtest_main -lyajl -lcrypto -lpthread -o $@

-include $(UNIT_OBJ:.o=.d)

unit: deps-test ## unit and golden tests of the core
	@$(MAKE) --no-print-directory -j$(J) $(UNIT)/unit
	@$(UNIT)/unit --gtest_brief=1

golden: deps-test ## rewrite the expected files of t/golden from what the code does; review the diff
	@$(MAKE) --no-print-directory -j$(J) $(UNIT)/unit
	@GOLDEN_UPDATE=1 $(UNIT)/unit --gtest_brief=1 --gtest_filter='*Golden*'

# --- for nginx in end-to-end tests: memory that runs out -------------------------

# -O2 for tail calls: LeakSanitizer looks at who has called malloc.
build/preload/%.so: t/preload/%.cc Makefile
	@mkdir -p $(@D)
	@$(CXX) -std=c++20 -g -O2 -Wall -Wextra -Werror -fno-omit-frame-pointer -fPIC -shared $< -o $@

# --- fuzz targets, of clang's libFuzzer -----------------------------------------

FUZZ       := build/fuzz
FUZZ_ONE   := json sse head form request vectors prices
FUZZ_EACH  := answer stream error
DIALECTS   := openai anthropic gemini cohere
FUZZ_BIN   := $(addprefix $(FUZZ)/bin/,$(FUZZ_ONE) $(foreach d,$(DIALECTS),$(addsuffix -$d,$(FUZZ_EACH))))
FUZZ_OBJ   := $(patsubst %.cc,$(FUZZ)/%.o,$(CORE))
FUZZ_FLAGS := -std=c++20 -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined \
    -Isrc -It/unit -It/fuzz
FUZZ_CXX   := clang++-14

$(FUZZ)/%.o: %.cc
	@mkdir -p $(@D)
	@$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

# fuzz_link(source, flags)
fuzz_link = mkdir -p $(@D) && $(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer $(2) $(1) $(FUZZ_OBJ) -lyajl -lcrypto -o $@

$(FUZZ_ONE:%=$(FUZZ)/bin/%): $(FUZZ)/bin/%: t/fuzz/%.cc $(FUZZ_OBJ) $(wildcard t/fuzz/*.hpp)
	@$(call fuzz_link,$<)

define fuzz_each
$(FUZZ_EACH:%=$(FUZZ)/bin/%-$(1)): $(FUZZ)/bin/%-$(1): t/fuzz/%.cc $$(FUZZ_OBJ) $$(wildcard t/fuzz/*.hpp)
	@$$(call fuzz_link,$$<,-DPROVIDER='"$(1)"')
endef
$(foreach d,$(DIALECTS),$(eval $(call fuzz_each,$d)))

-include $(FUZZ_OBJ:.o=.d)

fuzz-build: deps-test
	@$(MAKE) --no-print-directory -j$(J) $(FUZZ_BIN)

fuzz: fuzz-build ## fuzz every parser until told to stop
	@t/fuzz/run.sh forever

# --- a long load ------------------------------------------------------------------

soak: all deps-test ## a mixed load for SOAK_SECONDS=600; fails when anything is mixed up or left over
	@t/npm.sh
	@env -u NGINX LLM_MODULE="$(SO)" LLM_NGINX="$(NGINX_BIN)" LLM_WORK="$(CURDIR)/build/soak" \
	    t/node_modules/.bin/node t/soak/soak.mjs $(or $(SOAK_SECONDS),600)

# --- the bench --------------------------------------------------------------------

BENCH := build/bench

$(BENCH)/%: t/bench/%.cc t/bench/loop.hpp
	@mkdir -p $(@D)
	@$(CXX) -std=c++20 -g -O2 -Wall -Wextra -Wconversion -Wshadow -Werror $< -o $@

bench: all deps-test $(BENCH)/mock $(BENCH)/load ## CPU time and memory beside plain proxy_pass (PAIRS=, ROWS=)
	@t/npm.sh
	@env -u NGINX LLM_MODULE="$(SO)" LLM_NGINX="$(NGINX_BIN)" t/node_modules/.bin/node t/bench/bench.mjs

# --- the two commands ---------------------------------------------------------

run: all ## start the gateway on 127.0.0.1:$(PORT) against the sandbox (PORT=, RUN_DIR=)
	@NGINX_BIN="$(NGINX_BIN)" SO="$(SO)" PORT="$(PORT)" RUN_DIR="$(RUN_DIR)" conf/run.sh

test: deps-build deps-test ## run every test (TESTS=<files>); NGINX=1.26: end to end with another nginx
	@RELEASE="$(RELEASE)" NGINX_SRC="$(NGINX_SRC)" BUILD="$(BUILD)" t/run.sh

sanitized: deps-build deps-test ## the end-to-end tests with nginx and module under ASan and UBSan (TESTS=<files>)
	@t/npm.sh
	@mkdir -p build/test
	@t/sanitized.sh
	@t/node_modules/.bin/node t/e2e/lib/summary.mjs build/test/e2e-sanitized.json

valgrind: deps-build deps-test ## a part of the end-to-end tests with nginx under valgrind (TESTS=<files>)
	@conf/deps.sh valgrind
	@t/valgrind.sh

lint: deps-test ## layer rule, formatting, clang-tidy, repository hygiene
	@t/lint.sh

install: all ## copy the module to where nginx looks for modules (DESTDIR=)
	@NGINX_BIN="$(NGINX_BIN)" SO="$(SO)" DESTDIR="$(DESTDIR)" conf/install.sh

clean: ## remove everything that was built
	rm -rf build
