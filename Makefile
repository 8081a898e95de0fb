# SPDX-License-Identifier: MIT OR GPL-2.0-only
# The only makefile. One wildcard line per compile domain: a .c file dropped into a folder is built.
# Everything generated goes below $(B). `make help` lists the targets.

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.DEFAULT_GOAL := all

# --- knobs ---
CC	?= gcc
CLANG	?= clang
PYTHON	?= /usr/bin/python3
B	?= build
V	?= 0
WERROR	?= 0
SAN	?=
T	?= 60
PREFIX	?= /usr/local
DESTDIR	?=
ifeq ($(origin CC),default)
CC	:= gcc
endif
CFLAGS	?= -O2 -g
Q	:= $(if $(filter 1,$(V)),,@)
say	 = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

VERSION	:= 0.1

# --- flags per domain ---
WARN	:= -Wall -Wextra -Wshadow -Wundef -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	   -Wwrite-strings -Wimplicit-fallthrough $(if $(filter 1,$(WERROR)),-Werror)
BASE	:= -std=gnu11 -I. $(WARN) -MMD -MP
HOST_CFLAGS = $(BASE) $(CFLAGS) $(SAN) -D_GNU_SOURCE -DCVMDBG_VERSION='"$(VERSION)"' -fstack-protector-strong
# The flags of kernel code: what protocol/ and stub/core are compiled with for bare metal and kernel.
FS_CFLAGS = $(BASE) -O2 -g -ffreestanding -nostdinc -isystem $(shell $(CC) -print-file-name=include) \
	   -fno-pic -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
	   -fno-builtin -Wframe-larger-than=1024
HOST_LIBS := -ljansson -lsodium -lcrypto -lz -lzstd -llzo2 -lsnappy -lfuse3
SEVSIM_LIBS := -ljansson -lseccomp -lcrypto -lpthread
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_CFLAGS = $(BASE) -O1 -g -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined \
	   -fno-sanitize-recover=undefined

# --- sources: a folder is a compile domain ---
PROTOCOL_C := $(wildcard protocol/*.c)
STUB_C	:= $(wildcard stub/core/*.c)
MODULE_FILES := $(filter-out protocol/rsp_client.% protocol/rsp_description.c,\
	   $(wildcard protocol/*.[ch] protocol/*.def stub/core/*.[ch] stub/linux/*.[ch]))
HOST_C	:= $(wildcard host/*.c host/*/*.c)
FAKE_C	:= $(wildcard tests/fake/*.c)
UNIT_C	:= $(wildcard tests/unit/test_*.c)
CONFORMANCE_C := $(wildcard tests/conformance/*.c)
FUZZ_C	:= $(wildcard tests/fuzz/fuzz_*.c)
REPLAY_LOG := $(wildcard tests/replay/*.log)
SEVSIM_C := $(wildcard tests/sevsim/*.c)
BENCH_C	:= $(wildcard tests/bench/*.c)

host_o	 = $(patsubst %.c,$(B)/host/%.o,$(1))
PROTOCOL_O := $(call host_o,$(PROTOCOL_C))
STUB_O	:= $(call host_o,$(STUB_C))
AGENT_O	:= $(call host_o,$(HOST_C))
AGENT_LIB_O := $(filter-out $(B)/host/host/main.o,$(AGENT_O))
UNIT	:= $(patsubst tests/unit/%.c,$(B)/unit/%,$(UNIT_C))
FUZZ	:= $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(FUZZ_C))
CORE_O	:= $(B)/fs/core.o

all: $(B)/cvmdbg fences ## Build the agent and check the freestanding core's fences

# --- pattern rules ---
$(B)/host/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(HOST_CFLAGS) -c -o $@ $<

$(B)/fs/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC-FS,$<)$(CC) $(FS_CFLAGS) -c -o $@ $<

# An archive, so that a test that defines a module's functions itself replaces that module.
$(B)/agent.a: $(AGENT_LIB_O)
	$(call say,AR,$@)rm -f $@; ar rcs $@ $^

$(B)/cvmdbg: $(AGENT_O) $(PROTOCOL_O)
	$(call say,LD,$@)$(CC) $(HOST_CFLAGS) -o $@ $^ $(HOST_LIBS)

# --- fences of the freestanding core (docs/design.md, "Why fences") ---
$(CORE_O): $(patsubst %.c,$(B)/fs/%.o,$(PROTOCOL_C) $(STUB_C))
	$(call say,LD-FS,$@)ld -r -o $@ $^

CORE_BUDGET := 106496
fences: $(CORE_O) ## Check what protocol/ and stub/core may call, include and weigh
	$(Q)if nm -u $< | grep -vwE 'memcpy|memmove|memset|memcmp'; then \
		echo 'fences: the freestanding core calls the functions above'; exit 1; fi
	$(Q)if nm $< | grep -E ' [BbDdC] '; then \
		echo 'fences: the freestanding core has the writable globals above'; exit 1; fi
	$(Q)if grep -nE '^[ 	]*# *include +<' $(PROTOCOL_C) $(STUB_C) $(wildcard stub/core/*.h) $(filter-out protocol/base.h,$(wildcard protocol/*.h)); then \
		echo 'fences: only protocol/base.h includes system headers'; exit 1; fi
	$(Q)size $< | awk -v max=$(CORE_BUDGET) 'NR == 2 && $$1 > max { \
		printf "fences: text of the core is %d bytes, budget %d\n", $$1, max; exit 1 }'

size: $(CORE_O) ## Print the size of the freestanding core
	$(Q)size $<

# --- guests ---
GUEST	:= $(B)/guest
GUEST_TINY := $(GUEST)/tiny.elf
GUEST_INITRAMFS := $(GUEST)/initramfs.gz
TINY_SRC := tests/guest/tiny/start.S tests/guest/tiny/main.c tests/guest/tiny/console.c
# Frame pointers and little optimisation: a specimen whose backtraces and locals are predictable.
TINY_CFLAGS = -std=gnu11 -I. $(WARN) -O1 -g -ffreestanding -fno-pic -mcmodel=kernel -mno-red-zone \
	   -mgeneral-regs-only -fno-stack-protector -fno-omit-frame-pointer \
	   -fno-tree-loop-distribute-patterns
TINY_LDFLAGS := -static -nostdlib -no-pie -Wl,--build-id=none,--no-warn-rwx-segments,-z,max-page-size=4096

guests: $(GUEST_TINY) $(GUEST_INITRAMFS) $(GUEST)/release ## Build the guests that tests debug

$(GUEST_TINY): $(TINY_SRC) $(wildcard tests/guest/tiny/*.h) tests/guest/tiny/link.ld
	@mkdir -p $(@D)
	$(call say,GUEST,$@)gcc -E -P -x c -o $(@D)/tiny.ld tests/guest/tiny/link.ld
	$(Q)gcc $(TINY_CFLAGS) $(TINY_LDFLAGS) -T $(@D)/tiny.ld -o $@ $(TINY_SRC)

$(GUEST)/init: tests/guest/linux/init.c
	@mkdir -p $(@D)
	$(call say,GUEST,$@)gcc -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -static -s -o $@ $<

$(GUEST_INITRAMFS): $(GUEST)/init tests/guest/linux/mkinitramfs.py
	$(call say,GUEST,$@)$(PYTHON) tests/guest/linux/mkinitramfs.py $@ init=$<

# The stock Debian kernel and its symbols: vmlinuz, vmlinux and, written last, release.
$(GUEST)/release: tests/guest/fetch-kernel.sh
	$(call say,GUEST,$(GUEST)/vmlinuz)tests/guest/fetch-kernel.sh $(GUEST)

# --- bare metal ---
# The in-guest stub without an operating system: protocol/ and stub/core as everywhere, stub/baremetal
# as their environment and a guest to debug (docs/porting.md).
BARE_C	:= $(wildcard stub/baremetal/*.c)
BARE_S	:= $(wildcard stub/baremetal/*.S)
BARE_O	:= $(patsubst %.c,$(B)/fs/%.o,$(PROTOCOL_C) $(STUB_C) $(BARE_C)) $(patsubst %.S,$(B)/fs/%.o,$(BARE_S))
STUB_BARE := $(GUEST)/stub-bare.elf

stub-bare: $(STUB_BARE) ## Build the bare-metal guest with the stub in it

$(B)/fs/stub/baremetal/%.o: stub/baremetal/%.S stub/baremetal/layout.h
	@mkdir -p $(@D)
	$(call say,AS,$<)$(CC) -I. -g -c -o $@ $<

$(STUB_BARE): $(BARE_O) stub/baremetal/link.ld stub/baremetal/layout.h
	@mkdir -p $(@D)
	$(call say,GUEST,$@)$(CC) -E -P -x c -o $(@D)/stub-bare.ld stub/baremetal/link.ld
	$(Q)$(CC) $(TINY_LDFLAGS) -T $(@D)/stub-bare.ld -o $@ $(BARE_O)

# --- stub guests ---
# Stock kernels that debug themselves: an initramfs a kernel with the stub's module and a specimen.
STUB_KINDS := cloud generic next
KIND_META_generic := linux-image-amd64
KIND_META_next := linux-image-6.12-cloud-amd64
stub-guests: $(STUB_KINDS:%=$(GUEST)/%/stub.gz) ## Build the Linux guests that hold the stub

$(GUEST)/stub-init: tests/guest/stub/init.c
	@mkdir -p $(@D)
	$(call say,GUEST,$@)gcc -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -static -s -o $@ $<

$(GUEST)/cloud/release: $(GUEST)/release
	@mkdir -p $(@D)
	$(Q)ln -sfn ../vmlinuz ../vmlinux ../modules $(@D)/ && cp $< $@
$(GUEST)/generic/release $(GUEST)/next/release: $(GUEST)/%/release: tests/guest/fetch-kernel.sh
	$(call say,GUEST,$(@D)/vmlinuz)tests/guest/fetch-kernel.sh $(@D) $(KIND_META_$*)

$(GUEST)/%/stub.gz: $(GUEST)/%/release $(GUEST)/stub-init tests/guest/stub/specimen.c \
		tests/guest/linux/mkinitramfs.py $(MODULE_FILES) stub/linux/Kbuild.in
	$(call say,GUEST,$@)PYTHON=$(PYTHON) tests/guest/stub/build.sh $(B) $(@D)

# --- attestation in the guest ---
# Static: it goes into initramfs images and minimal guests as it is.
ATTEST	:= $(B)/cvmdbg-attest
attest: $(ATTEST) ## Build the tool that gets the stub its attestation report, static
$(ATTEST): stub/linux/attest/cvmdbg-attest.c host/attest/evidence.c host/attest/evidence.h
	@mkdir -p $(@D)
	$(call say,GUEST,$@)$(CC) $(filter-out -MMD -MP,$(HOST_CFLAGS)) -static -o $@ $(filter %.c,$^)

# --- packages ---
BUILD_DEPS := gcc libc6-dev libfuse3-dev libjansson-dev liblzo2-dev libsnappy-dev libsodium-dev libssl-dev \
	   libzstd-dev python3 zlib1g-dev
DEMO_DEPS := $(BUILD_DEPS) gdb kmod libseccomp-dev linux-headers-cloud-amd64 qemu-system-x86
# Headers of the newer series bring their kernel along; nothing boots it but the tests' guests.
CHECK_DEPS := $(DEMO_DEPS) age openssl clang libclang-rt-14-dev libcmocka-dev gdbserver lldb-19 groff man-db \
	   clang-format shellcheck xz-utils cppcheck dkms linux-headers-amd64 linux-headers-6.12-cloud-amd64 \
	   golang-go golang-github-flynn-noise-dev

deps: ## Install the Debian packages that building and testing need
	$(Q)tests/deps.sh $(CHECK_DEPS)
demo-deps:
	$(Q)tests/deps.sh $(DEMO_DEPS)

# --- demo ---
demo: demo-deps ## Boot an encrypted VM (emulated), debug it with gdb, show what happens; STUB=1: from inside only
	$(Q)$(MAKE) --no-print-directory demo-run
demo-run: $(B)/cvmdbg $(B)/sevsim guests $(GUEST)/cloud/stub.gz
	$(Q)B=$(B) INTERACTIVE=$(INTERACTIVE) STUB=$(STUB) PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/demo/demo.py

# --- tests ---
# The archive last: it fills in what the test does not define itself.
objects_first = $(filter %.o,$(1)) $(filter %.a,$(1))

$(B)/unit/%: $(B)/host/tests/unit/%.o $(call host_o,$(FAKE_C)) $(B)/agent.a $(STUB_O) $(PROTOCOL_O)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(HOST_CFLAGS) -o $@ $(call objects_first,$^) $(HOST_LIBS) -lcmocka

# On an encrypted VM made of memory.
$(B)/unit/test_denied $(B)/unit/test_points $(B)/unit/test_keeper: $(call host_o,$(filter-out %/backends.c %/conformance.c,$(CONFORMANCE_C)))

$(B)/conformance: $(call host_o,$(CONFORMANCE_C) $(FAKE_C)) $(B)/agent.a $(STUB_O) $(PROTOCOL_O)
	$(call say,LD,$@)$(CC) $(HOST_CFLAGS) -o $@ $(call objects_first,$^) $(HOST_LIBS) -lcmocka

# Recorded sessions: the player, and the server that real debuggers talk to when they are recorded.
$(B)/replay/%: $(B)/host/tests/replay/%.o $(call host_o,$(FAKE_C)) $(B)/agent.a $(STUB_O) $(PROTOCOL_O)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(HOST_CFLAGS) -o $@ $(call objects_first,$^) $(HOST_LIBS)

record: $(B)/replay/fake_server ## Record the transcripts of tests/replay anew, with real gdb and lldb
	$(Q)tests/replay/record.sh $<

$(B)/fuzz/%: tests/fuzz/%.c $(PROTOCOL_C) $(STUB_C) $(filter-out host/main.c,$(HOST_C)) $(FAKE_C)
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)$(CLANG) $(filter-out -MMD -MP,$(FUZZ_CFLAGS)) -DCVMDBG_VERSION='"$(VERSION)"' -o $@ $^ $(HOST_LIBS)

# The same end of a Noise session made of our implementation and of an independent one (offline:
# Debian's packages are a GOPATH).
$(B)/interop/noise_peer: $(call host_o,tests/interop/noise_peer.c host/crypto/sodium.c) $(PROTOCOL_O)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(HOST_CFLAGS) -o $@ $^ $(HOST_LIBS)

$(B)/interop/sealed_stub: $(call host_o,tests/interop/sealed_stub.c $(FAKE_C)) $(B)/agent.a $(STUB_O) $(PROTOCOL_O)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(HOST_CFLAGS) -o $@ $(call objects_first,$^) $(HOST_LIBS)

$(B)/interop/noise_peer_go: tests/interop/noise_peer.go
	@mkdir -p $(@D)
	$(call say,GO,$@)GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$(abspath $(B))/interop/cache go build -o $@ $<

$(B)/sevsim: $(call host_o,$(SEVSIM_C)) $(PROTOCOL_O)
	$(call say,LD,$@)$(CC) $(HOST_CFLAGS) -o $@ $^ $(SEVSIM_LIBS)

# What each level runs, as NAME=COMMAND for tests/run.py.
FAST_TESTS = $(foreach t,$(UNIT),unit/$(notdir $(t))=$(t)) conformance=$(B)/conformance \
	'replay=$(B)/replay/player $(REPLAY_LOG)'
CORPUS_TESTS = $(foreach t,$(FUZZ),'fuzz/$(notdir $(t))=tests/fuzz/replay.sh $(t) tests/fuzz/corpus/$(patsubst fuzz_%,%,$(notdir $(t)))')
INTEGRATION_PY := $(sort $(wildcard tests/integration/test_*.py))
INTEGRATION_TESTS = $(foreach t,$(INTEGRATION_PY),'$(patsubst tests/%.py,%,$(t))=$(PYTHON) tests/integration/tap.py $(t)')
TEST_ENV = B=$(B) PYTHONDONTWRITEBYTECODE=1

check: deps ## Run every test (what CI runs)
	$(Q)$(MAKE) --no-print-directory check-all
check-all: all lint kernel-objects support-matrix-fresh tests-built
	$(Q)$(MAKE) --no-print-directory B=$(B)/clang CC=$(CLANG) WERROR=$(WERROR) all
	$(Q)$(MAKE) --no-print-directory asan
	$(Q)$(TEST_ENV) tests/run.py --save $(B)/check.tap $(FAST_TESTS) $(CORPUS_TESTS) $(INTEGRATION_TESTS)

check-fast: all $(UNIT) $(B)/conformance $(B)/replay/player ## Unit, replay and conformance tests: no root, no VM, seconds
	$(Q)$(TEST_ENV) tests/run.py --jobs 2 --save $(B)/check-fast.tap $(FAST_TESTS)

support-matrix: $(B)/conformance ## Regenerate docs/support-matrix.md from the conformance suite
	$(Q)CMOCKA_MESSAGE_OUTPUT=TAP $< 2>/dev/null | tests/conformance/matrix.py > $(B)/support-matrix.md
	$(Q)cp $(B)/support-matrix.md docs/support-matrix.md

# The page in git is what the suite says now.
support-matrix-fresh: $(B)/conformance
	$(Q)CMOCKA_MESSAGE_OUTPUT=TAP $< 2>/dev/null | tests/conformance/matrix.py > $(B)/support-matrix.md
	$(Q)diff -u docs/support-matrix.md $(B)/support-matrix.md || \
		{ echo 'docs/support-matrix.md is stale: make support-matrix'; exit 1; }

check-integration: tests-built ## Real gdb, lldb and QEMU on the emulated SEV host
	$(Q)$(TEST_ENV) tests/run.py --save $(B)/check-integration.tap $(INTEGRATION_TESTS)

tests-built: $(B)/cvmdbg $(ATTEST) $(B)/sevsim guests stub-guests $(STUB_BARE) $(UNIT) $(FUZZ) $(B)/conformance $(B)/replay/player $(B)/interop/noise_peer $(B)/interop/noise_peer_go \
	   $(B)/interop/sealed_stub

check-hw: $(B)/cvmdbg guests ## The integration tests on a real SEV host; says what is missing
	$(Q)$(TEST_ENV) tests/check-hw.sh

asan: $(B)/sevsim guests ## The suite under AddressSanitizer and UndefinedBehaviorSanitizer
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan WERROR=$(WERROR) SAN='$(SANITIZERS)' check-fast $(B)/asan/cvmdbg
	$(Q)$(TEST_ENV) CVMDBG=$(B)/asan/cvmdbg tests/run.py --save $(B)/check-asan.tap \
		$(foreach t,session refusals paging,'asan/test_$(t)=$(PYTHON) tests/integration/tap.py tests/integration/test_$(t).py')

lint: ## House rules, formatting, static analysis
	$(Q)tests/lint.sh

# The same sources as kernel objects, staged so that nothing lands beside them.
# The test guest's kernel if its headers are there, else the newest.
KDIR	?= $(or $(wildcard /usr/src/linux-headers-$(shell cat build/guest/release 2>/dev/null)),\
	   $(lastword $(sort $(wildcard /usr/src/linux-headers-*-cloud-amd64))))
KMOD	:= $(abspath $(B))/kmod
kernel-objects: ## Compile protocol/ as kernel code against KDIR
	$(Q)mkdir -p $(KMOD)/protocol
	$(Q)ln -sf $(abspath $(PROTOCOL_C) $(wildcard protocol/*.h protocol/*.def)) $(KMOD)/protocol/
	$(Q)echo 'ccflags-y := -Wno-declaration-after-statement' > $(KMOD)/Kbuild
	$(call say,KBUILD,protocol)$(MAKE) -s -C $(KDIR) M=$(KMOD) $(PROTOCOL_C:.c=.o)

# --- module ---
# Staged by links in a folder a kernel release, so that nothing lands beside the sources.
KRELEASE = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)
MODULE	= $(abspath $(B))/module-$(KRELEASE)
# $(1): folder that becomes the module's source tree, with links (or $(2)=cp: copies).
stage_module = for f in $(MODULE_FILES); do mkdir -p $(1)/$${f%/*}; $(or $(2),ln -sf) $(abspath .)/$$f $(1)/$$f; done; \
	sed 's|@OBJECTS@|$(sort $(patsubst %.c,%.o,$(filter %.c,$(MODULE_FILES))))|' stub/linux/Kbuild.in > $(1)/Kbuild

module: ## Build cvmdbg_stub.ko against KDIR
	$(Q)rm -rf $(MODULE)/protocol/*.[ch] $(MODULE)/stub/*/*.[ch]
	$(Q)$(call stage_module,$(MODULE))
	$(call say,KBUILD,$(MODULE)/cvmdbg_stub.ko)$(MAKE) -s -C $(KDIR) M=$(MODULE) modules

# A package whose installation builds the module for every kernel of the guest.
DKMS_DEB := $(B)/cvmdbg-stub-dkms_$(VERSION)_all.deb
dkms-deb: ## Build the module's DKMS package
	$(Q)rm -rf $(B)/dkms
	$(Q)$(call stage_module,$(B)/dkms/usr/src/cvmdbg-stub-$(VERSION),cp)
	$(Q)stub/linux/dkms/stage.sh $(VERSION) $(B)/dkms
	$(call say,DEB,$(DKMS_DEB))dpkg-deb --root-owner-group -b $(B)/dkms $(DKMS_DEB) >/dev/null

fuzz: $(FUZZ) ## Explore with every fuzzer for T seconds each
	$(Q)for f in $(FUZZ); do n=$${f##*/fuzz_}; mkdir -p $(B)/fuzz/found/$$n; \
		echo "  FUZZ    $$n"; $$f -max_total_time=$(T) -print_final_stats=1 -artifact_prefix=$(B)/fuzz/found/$$n/ \
		$(B)/fuzz/found/$$n tests/fuzz/corpus/$$n 2>&1 | tail -n 3 || exit 1; done

bench: tests-built $(B)/rsp_bench ## Speed beside its peers; writes $(B)/bench.json
	$(Q)$(TEST_ENV) $(PYTHON) tests/bench/bench.py

$(B)/rsp_bench: $(B)/host/tests/bench/rsp_bench.o
	$(call say,LD,$@)$(CC) $(HOST_CFLAGS) -o $@ $^

# --- housekeeping ---
install: $(B)/cvmdbg $(ATTEST) ## Install below PREFIX
	install -D -m 0755 $(B)/cvmdbg $(DESTDIR)$(PREFIX)/bin/cvmdbg
	install -D -m 0644 docs/man/cvmdbg.1 $(DESTDIR)$(PREFIX)/share/man/man1/cvmdbg.1
	install -D -m 0644 docs/man/cvmdbg-stub.7 $(DESTDIR)$(PREFIX)/share/man/man7/cvmdbg-stub.7
	install -D -m 0755 $(ATTEST) $(DESTDIR)$(PREFIX)/sbin/cvmdbg-attest
	install -D -m 0644 docs/man/cvmdbg-attest.8 $(DESTDIR)$(PREFIX)/share/man/man8/cvmdbg-attest.8

clean: ## Remove everything generated
	$(Q)rm -rf $(B)

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 20

.PHONY: all attest fences size deps demo-deps demo demo-run guests stub-guests check check-all check-fast check-integration record \
	tests-built check-hw support-matrix support-matrix-fresh install asan fuzz bench lint kernel-objects module dkms-deb stub-bare clean help

-include $(shell find $(B) -name '*.d' 2>/dev/null)
