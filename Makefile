# liblnsp: build, test, install. Needs a C compiler and GNU make, nothing else.
#
#   make                       the libraries and the lnsp program, in build/
#   make check                 all tests
#   make CC=clang CFLAGS=-O3 BUILD=build/clang
#   make CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar BUILD=build/aarch64 \
#        EMULATOR=qemu-aarch64 LDFLAGS=-static check-programs
#
# CFLAGS and LDFLAGS are the user's; what the library cannot do without is kept
# apart in REQUIRED. The kernel files choose their instruction set themselves.

CFLAGS ?=
BUILD ?= build
INSTALL ?= install
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
# CBLAS=1 builds in the kernel set "cblas", whose large products a BLAS computes: not the
# same bits, and only where it is asked for by name. Give it a BUILD of its own.
CBLAS ?=
PKG_CONFIG ?= pkg-config
# The system that CC builds for: darwin has another linker (ld64), and no static C library.
MACHINE := $(shell $(CC) -dumpmachine 2> /dev/null)
SYSTEM := $(if $(findstring darwin,$(MACHINE))$(findstring macos,$(MACHINE)),darwin,elf)
# How the lnsp program is linked: statically, where there is a static C library.
ifeq ($(origin STATIC),undefined)
STATIC := $(if $(filter 1,$(CBLAS)),,$(shell d=$$(mktemp -d) && printf 'int main(void) { return 0; }\n' > $$d/a.c && \
  $(CC) -static -o $$d/a $$d/a.c > /dev/null 2>&1 && echo -static; rm -rf "$$d"))
endif
# put before every test program, e.g. qemu-aarch64 or "valgrind -q"
EMULATOR ?=
# test programs and scripts run at a time; empty: as many as processors
JOBS ?=
# V=1 shows the commands in full
V ?=
say = @$(if $(V),:,echo '  $(1)')
hide = $(if $(V),,@)

REQUIRED := -std=c11 -ffp-contract=off -fno-math-errno -fvisibility=hidden \
  -ffunction-sections -fdata-sections -fPIC -DLNSP_BUILD -Iinclude
INCLUDES = -Ilib
DEPENDENCIES = -MMD -MP
LIBS := -lm
ifeq ($(CBLAS),1)
BLAS := $(firstword $(foreach name,openblas cblas,$(shell $(PKG_CONFIG) --exists $(name) && echo $(name))))
ifeq ($(BLAS),)
$(error CBLAS=1, but $(PKG_CONFIG) finds neither openblas nor cblas: install one (Debian: libopenblas-dev), or set PKG_CONFIG_PATH)
endif
REQUIRED += -DLNSP_CBLAS $(shell $(PKG_CONFIG) --cflags $(BLAS))
LIBS += $(shell $(PKG_CONFIG) --libs $(BLAS))
endif

LIB_SOURCES := $(sort $(wildcard lib/*/*.c lib/*/*/*.c))
PROGRAM_SOURCES := $(sort $(wildcard programs/*.c programs/*/*.c))
BENCH_SOURCES := $(sort $(wildcard bench/*.c))
TEST_SOURCES := $(sort $(wildcard tests/*/test_*.c))
EXAMPLE_SOURCES := $(sort $(wildcard examples/*.c))
TEST_SCRIPTS := $(sort $(wildcard tests/*.sh tests/build/*.sh tests/cli/*.sh tests/docs/*.sh))

# Time is spent in kernels, coders, hashes and ranks (and by tests); everywhere else the smallest
# code is the best. A file built for speed says so in the line after its head, where a rename
# cannot lose it. Nothing throws C++ exceptions, so their tables are left out. CFLAGS come after
# these, so that they win.
HOT_SOURCES := $(shell grep -lx '/\* Hot: built for speed\. \*/' $(LIB_SOURCES) $(PROGRAM_SOURCES))
OPTIMISE = -Os
$(HOT_SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/bench/%.o $(BUILD)/common/%.o: OPTIMISE = -O2
# private: or objects of the library that a test needs would be compiled with its flags
$(BUILD)/tests/%: private OPTIMISE = -O2
# Programs name their own headers from programs/, and are POSIX. What they share with bench
# and tests is in common/.
$(BUILD)/common/%.o $(BUILD)/bench/%.o: private INCLUDES = -I.
$(BUILD)/programs/%.o: private INCLUDES = -Iprograms -I. -D_POSIX_C_SOURCE=200809L
COMPACT = $(OPTIMISE) -fno-asynchronous-unwind-tables -fno-unwind-tables

version_of = $(shell awk '$$2 == "LNSP_VERSION_$(1)" { print $$3 }' include/lnsp.h)
MAJOR := $(call version_of,MAJOR)
VERSION := $(MAJOR).$(call version_of,MINOR).$(call version_of,PATCH)
ifeq ($(SYSTEM),darwin)
SHARED_NAME := liblnsp.$(VERSION).dylib
SONAME := liblnsp.$(MAJOR).dylib
LINK_NAME := liblnsp.dylib
# Hidden visibility alone keeps internal names in; ld64 has no version scripts.
SHARED_MAP :=
SHARED_FLAGS = -dynamiclib -install_name @rpath/$(SONAME) -compatibility_version $(MAJOR) \
  -current_version $(VERSION) -Wl,-dead_strip
SMALLER := -Wl,-dead_strip
else
SHARED_NAME := liblnsp.so.$(VERSION)
SONAME := liblnsp.so.$(MAJOR)
LINK_NAME := liblnsp.so
SHARED_MAP := lib/lnsp.map
# Relocations are settled when the library is loaded and then made read-only: nothing of it stays
# writable.
SHARED_FLAGS = -shared -Wl,-soname,$(SONAME) -Wl,--version-script=$(SHARED_MAP) -Wl,-z,defs \
  -Wl,-z,relro,-z,now -Wl,-z,noseparate-code -Wl,--gc-sections
SMALLER := -Wl,--gc-sections
endif

COMMON_LIB := $(BUILD)/libcommon.a
COMMON_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard common/*.c)))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(BUILD)/%.o)
PROGRAM_OBJECTS := $(PROGRAM_SOURCES:%.c=$(BUILD)/%.o)
BENCH_OBJECTS := $(BENCH_SOURCES:%.c=$(BUILD)/%.o)
TEST_PROGRAMS := $(TEST_SOURCES:tests/%.c=$(BUILD)/tests/%)
GOLDEN := $(BUILD)/tests/golden
EXAMPLES := $(EXAMPLE_SOURCES:%.c=$(BUILD)/%)

STATIC_LIB := $(BUILD)/liblnsp.a
SHARED_LIB := $(BUILD)/$(SHARED_NAME)
PROGRAM := $(if $(PROGRAM_SOURCES),$(BUILD)/lnsp)

.PHONY: all bench check check-programs check-all demo examples install uninstall clean help lists format golden instructions figures abi
.DELETE_ON_ERROR:

all: $(STATIC_LIB) $(SHARED_LIB) $(PROGRAM) ## build the libraries and the lnsp program (default)

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC   $<)
	$(hide)$(CC) $(REQUIRED) $(INCLUDES) $(DEFINES) $(COMPACT) $(CFLAGS) $(CPPFLAGS) $(DEPENDENCIES) -c -o $@ $<

# `lnsp info --memory` counts the library's machine code and constants; where there is
# no size(1), it leaves them out.
$(BUILD)/programs/model/info_memory.o: $(STATIC_LIB)
$(BUILD)/programs/model/info_memory.o: private DEFINES = -DLNSP_CODE_BYTES=$(or $(shell \
  $$($(CC) -print-prog-name=size 2> /dev/null) $(STATIC_LIB) 2> /dev/null | \
  awk 'NR > 1 { bytes += $$1 } END { print bytes + 0 }'),0)

$(STATIC_LIB): $(LIB_OBJECTS)
	$(call say,AR   $@)
	@rm -f $@
	$(hide)$(AR) rcs $@ $(LIB_OBJECTS)

$(COMMON_LIB): $(COMMON_OBJECTS)
	$(call say,AR   $@)
	@rm -f $@
	$(hide)$(AR) rcs $@ $(COMMON_OBJECTS)

$(SHARED_LIB): $(LIB_OBJECTS) $(SHARED_MAP)
	$(call say,LINK $@)
	$(hide)$(CC) $(CFLAGS) $(filter-out -static,$(LDFLAGS)) $(SHARED_FLAGS) -o $@ $(LIB_OBJECTS) $(LIBS)
	@ln -sf $(SHARED_NAME) $(BUILD)/$(SONAME)
	@ln -sf $(SONAME) $(BUILD)/$(LINK_NAME)

$(BUILD)/lnsp: $(PROGRAM_OBJECTS) $(COMMON_LIB) $(STATIC_LIB)
	$(call say,LINK $@)
	$(hide)$(CC) $(CFLAGS) $(LDFLAGS) $(STATIC) $(SMALLER) -o $@ $(PROGRAM_OBJECTS) $(COMMON_LIB) $(STATIC_LIB) $(LIBS)

$(BUILD)/bench/lnsp-bench: $(BENCH_OBJECTS) $(COMMON_LIB) $(STATIC_LIB)
	$(call say,LINK $@)
	$(hide)$(CC) $(CFLAGS) $(LDFLAGS) $(STATIC) -pthread $(SMALLER) -o $@ $(BENCH_OBJECTS) $(COMMON_LIB) $(STATIC_LIB) $(LIBS)

bench: $(BUILD)/bench/lnsp-bench ## build build/bench/lnsp-bench, which measures speed (bench/README.md)

$(BUILD)/tests/%: tests/%.c $(COMMON_LIB) $(STATIC_LIB) Makefile
	@mkdir -p $(@D)
	$(call say,TEST $<)
	$(hide)$(CC) $(REQUIRED) -Ilib -I. -Itests -Itests/support $(OPTIMISE) $(CFLAGS) $(CPPFLAGS) $(DEPENDENCIES) -MF $@.d $(LDFLAGS) -o $@ $< \
	  $(COMMON_LIB) $(STATIC_LIB) $(LIBS)

# Here against the library in $(BUILD); examples/Makefile does it against an
# installed one.
$(BUILD)/examples/%: examples/%.c $(STATIC_LIB)
	@mkdir -p $(@D)
	$(call say,CC   $<)
	$(hide)$(CC) -std=c99 -Iinclude $(OPTIMISE) $(CFLAGS) $(LDFLAGS) -o $@ $< $(STATIC_LIB) $(LIBS) $(if $(filter %/parallel,$@),-pthread)

examples: $(EXAMPLES) ## build the examples into build/examples

# The environment that the runner and the scripts get.
RUN = CC='$(CC)' CFLAGS='$(CFLAGS)' BUILD='$(BUILD)' EMULATOR='$(EMULATOR)' JOBS='$(JOBS)' \
  LNSP='$(BUILD)/lnsp' MAKE='$(MAKE)' sh tests/support/run.sh

# What of `make check` runs: all, or with T=WORD what has WORD in its path, e.g. T=kernels or T=store.
T ?=
wanted = $(if $(T),$(foreach item,$(1),$(if $(findstring $(T),$(item)),$(item))),$(1))
CHECKED := $(call wanted,$(TEST_SOURCES) $(TEST_SCRIPTS))
ifeq ($(CHECKED),)
ifneq ($(filter check,$(MAKECMDGOALS)),)
$(error no test has "$(T)" in its path: see ls tests/*)
endif
endif
CHECKED_PROGRAMS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter %.c,$(CHECKED)))
CHECKED_SCRIPTS := $(filter %.sh,$(CHECKED))
# Scripts run the program, the golden hashes, the benchmark and the examples; test programs need none of them.
CHECKED_NEEDS := $(if $(CHECKED_SCRIPTS),all bench $(GOLDEN) $(EXAMPLES))

check: $(CHECKED_NEEDS) $(CHECKED_PROGRAMS) ## build and run all tests (a few minutes); T=kernels: those of a folder or name
	@$(RUN) $(CHECKED_PROGRAMS) $(CHECKED_SCRIPTS)

check-programs: $(TEST_PROGRAMS) ## only the test programs, e.g. under EMULATOR=qemu-aarch64
	@$(RUN) $(TEST_PROGRAMS)

check-all: ## all that continuous integration runs: sanitizers, emulated CPUs, ABI (Debian, root)
	bash .ci/run

demo: all ## the whole loop on real concept vectors: learn, share a delta, go back
	@CC='$(CC)' CFLAGS='$(CFLAGS)' BUILD='$(BUILD)' EMULATOR='$(EMULATOR)' sh examples/demo/run.sh

CLANG_FORMAT ?= clang-format
C_FILES = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h')
format: ## format all C files (clang-format 18 or newer; CLANG_FORMAT=...)
	@$(CLANG_FORMAT) -i $(C_FILES)

compile_commands.json: Makefile $(LIB_SOURCES) $(PROGRAM_SOURCES) ## for editors and clang tools
	@{ echo '['; sep=; for f in $(LIB_SOURCES) $(PROGRAM_SOURCES); do case $$f in programs/*) i=-Iprograms\ -D_POSIX_C_SOURCE=200809L ;; *) i=-Ilib ;; esac; \
	  printf '%s{"directory": "%s", "file": "%s", "command": "cc $(REQUIRED) %s -c %s"}' "$$sep" "$(CURDIR)" "$$f" "$$i" "$$f"; sep=",\n"; \
	  done; printf '\n]\n'; } > $@

lists: ## rewrite lib/lnsp_all.c after files were added to lib/
	@mkdir -p $(BUILD) && sh tests/build/one_file.sh --write > $(BUILD)/lnsp_all.c && mv $(BUILD)/lnsp_all.c lib/lnsp_all.c

golden: $(GOLDEN) ## rewrite tests/golden.txt after a change of the arithmetic
	@sed -n '/^#/p' tests/golden.txt > $(BUILD)/golden.txt
	@$(GOLDEN) full scalar | awk '{ print $$1, $$3 }' >> $(BUILD)/golden.txt
	@mv $(BUILD)/golden.txt tests/golden.txt

instructions: bench ## rewrite bench/instructions.txt after a meant change of speed (needs valgrind)
	@CC='$(CC)' BUILD='$(BUILD)' sh bench/instructions.sh --write > $(BUILD)/instructions.txt
	@mv $(BUILD)/instructions.txt bench/instructions.txt

figures: all bench ## rewrite the figures in docs/performance.md (a quiet machine, Python, PyPI)
	@BUILD='$(BUILD)' CC='$(CC)' sh bench/figures.sh

abi: ## rewrite tests/abi/lnsp.abi after a meant change of the interface (needs abidw)
	@$(MAKE) BUILD=$(BUILD)/abi CFLAGS='-O2 -g' $(BUILD)/abi/$(SHARED_NAME)
	abidw --no-corpus-path --no-comp-dir-path --no-show-locs --type-id-style hash \
	  --exported-interfaces-only --headers-dir include --drop-private-types \
	  --out-file tests/abi/lnsp.abi $(BUILD)/abi/$(SHARED_NAME)

install: all ## install into PREFIX (default /usr/local); DESTDIR for packages
	$(INSTALL) -d '$(DESTDIR)$(INCLUDEDIR)' '$(DESTDIR)$(LIBDIR)/pkgconfig'
	$(INSTALL) -m 644 include/lnsp.h '$(DESTDIR)$(INCLUDEDIR)/'
	$(INSTALL) -m 644 $(STATIC_LIB) '$(DESTDIR)$(LIBDIR)/'
	$(INSTALL) -m 755 $(SHARED_LIB) '$(DESTDIR)$(LIBDIR)/'
	ln -sf $(SHARED_NAME) '$(DESTDIR)$(LIBDIR)/$(SONAME)'
	ln -sf $(SONAME) '$(DESTDIR)$(LIBDIR)/$(LINK_NAME)'
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	  -e 's|@VERSION@|$(VERSION)|' -e 's|@REQUIRES@|$(BLAS)|' pkgconfig/lnsp.pc.in > '$(DESTDIR)$(LIBDIR)/pkgconfig/lnsp.pc'
	$(if $(PROGRAM),$(INSTALL) -d '$(DESTDIR)$(BINDIR)')
	$(if $(PROGRAM),$(INSTALL) -m 755 $(PROGRAM) '$(DESTDIR)$(BINDIR)/')

uninstall: ## remove what install put there
	rm -f '$(DESTDIR)$(INCLUDEDIR)/lnsp.h' '$(DESTDIR)$(LIBDIR)/liblnsp.a' \
	  '$(DESTDIR)$(LIBDIR)/$(LINK_NAME)' '$(DESTDIR)$(LIBDIR)/$(SONAME)' \
	  '$(DESTDIR)$(LIBDIR)/$(SHARED_NAME)' '$(DESTDIR)$(LIBDIR)/pkgconfig/lnsp.pc' \
	  '$(DESTDIR)$(BINDIR)/lnsp'

clean: ## remove what was built
	rm -rf '$(BUILD)'

help: ## this list
	@awk -F ':.*## ' '/^[a-z_.-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Variables: CC AR CFLAGS LDFLAGS BUILD PREFIX LIBDIR INCLUDEDIR BINDIR DESTDIR EMULATOR JOBS CBLAS"

-include $(LIB_OBJECTS:.o=.d) $(PROGRAM_OBJECTS:.o=.d) $(COMMON_OBJECTS:.o=.d) $(BENCH_OBJECTS:.o=.d) $(TEST_PROGRAMS:=.d) $(GOLDEN).d
