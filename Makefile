# SPDX-License-Identifier: Apache-2.0
#
# The one makefile: a program is what its folder holds, and is built under
# build/. `make help` lists the targets. `make asan ...` and `make tsan ...` build and run under a
# sanitizer in a folder of their own: `make asan check-unit`.

VERSION := 0.1.0

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
comma := ,

# The user's own: CC, CFLAGS, LDFLAGS, PREFIX, DESTDIR, V=1, WERROR=1.
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
Q := $(if $(V),,@)
# Warnings are errors in CI only.
WERROR ?= $(if $(CI),1)

SANITIZER := $(strip $(filter asan tsan,$(MAKECMDGOALS)))
ifneq ($(word 2,$(SANITIZER)),)
$(error asan and tsan exclude each other: ask for one)
endif
BUILD := build$(addprefix /,$(SANITIZER))
SANITIZER_FLAGS := $(if $(filter asan,$(SANITIZER)),-fsanitize=address$(comma)undefined \
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer)\
	$(if $(filter tsan,$(SANITIZER)),-fsanitize=thread)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla \
	-Wundef -Wformat=2 -Wimplicit-fallthrough $(if $(WERROR),-Werror)
OWN_CPPFLAGS := -I. -I$(BUILD)/gen $(if $(SANITIZER),-DSANITIZED)
# Strings and debug information say the same in whatever folder this is built.
OWN_CFLAGS := -std=gnu11 -pthread "-ffile-prefix-map=$(CURDIR)=." $(WARNINGS) \
	$(SANITIZER_FLAGS)

# Static where the libraries are to be had: starting a process is a part of
# starting a VM, and the dynamic linker's half millisecond would be most of it.
STATIC := $(if $(SANITIZER),,$(wildcard $(shell $(CC) -print-file-name=libelf.a)))
OWN_LDFLAGS := -pthread $(SANITIZER_FLAGS) $(if $(STATIC),-static)
LIBSECCOMP := $(shell pkg-config --libs libseccomp 2>/dev/null || echo -lseccomp)
LIBS := $(shell pkg-config $(if $(STATIC),--static) --libs libelf 2>/dev/null || echo -lelf -lz) \
	-lnettle
CHECK_LIBS := $(shell pkg-config --libs check 2>/dev/null || echo -lcheck)
CJSON_LIBS := $(shell pkg-config --libs libcjson 2>/dev/null || echo -lcjson)

PAGER := $(patsubst pager/%.c,%,$(wildcard pager/*.c pager/*/*.c))
# mkfilters runs while building.
VMM := $(filter-out main inspect/main sandbox/mkfilters,$(patsubst vmm/%.c,%,$(wildcard vmm/*.c vmm/*/*.c)))
UNIT := must elf_writer vectors $(patsubst tests/%.c,%,$(wildcard tests/unit/*.c))
KVM_TESTS := must vectors $(patsubst tests/%.c,%,$(wildcard tests/kvm/*.c))
E2E := must elf_writer elf_symbol cpio_writer vectors $(patsubst tests/%.c,%,$(wildcard tests/e2e/*.c))

PAGER_OBJS := $(PAGER:%=$(BUILD)/obj/pager/%.o)
VMM_OBJS := $(VMM:%=$(BUILD)/obj/vmm/%.o)
MAIN_OBJ := $(BUILD)/obj/vmm/main.o
INSPECT_OBJ := $(BUILD)/obj/vmm/inspect/main.o
LIBPAGER := $(BUILD)/libpager.a

.PHONY: all help deps deps-dev run rootfs run-linux guests bench-guests check check-unit check-kvm \
	check-e2e check-nested asan tsan fuzz bench bench-icount bench-linux bench-pt format format-check lint install clean
all: $(BUILD)/vmm $(BUILD)/vmm-inspect guests ## build the programs and the guests (the default)

help: ## list these targets
	@grep -hE '^[a-z0-9-]+:.*## ' Makefile | \
		sed -E 's/:.*## /\t/' | sort | expand -t 16

deps: ## install what `make run` and `make check` need (Debian, apt)
	@scripts/deps.sh

deps-dev: ## install what benchmarks, fuzzing and lint need besides
	@scripts/deps.sh dev

run: all ## boot the teaching kernel, with two processors and statistics
	$(EMULATE) $(BUILD)/vmm $(BUILD)/guest.elf --mem 512M --cpus 2 --stats

asan: all ## with other goals: under address and undefined-behaviour sanitizers
tsan: all ## with other goals: under the thread sanitizer

# --- the VMM and its library ---------------------------------------------

$(BUILD)/gen/vmm/version.h: FORCE
	@mkdir -p $(@D)
	@v="$(VERSION)$$(git describe --always --dirty 2>/dev/null | sed s/^/-/)"; \
	echo "#define VMM_VERSION \"$$v\"" > $@.tmp; \
	cmp -s $@.tmp $@ || mv $@.tmp $@; rm -f $@.tmp
.PHONY: FORCE
FORCE:

# Other flags, other objects.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(GUEST_CC) $(GUEST_CFLAGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(OWN_CFLAGS) $(OWN_LDFLAGS)' \
		> $@.tmp; cmp -s $@.tmp $@ || mv $@.tmp $@; rm -f $@.tmp

# The sandbox's filters.
$(BUILD)/mkfilters: $(BUILD)/obj/vmm/sandbox/mkfilters.o
	@mkdir -p $(@D)
	$(Q)$(CC) $(SANITIZER_FLAGS) $(LDFLAGS) -o $@ $^ $(LIBSECCOMP)
$(BUILD)/gen/vmm/filters.h: $(BUILD)/mkfilters
	@mkdir -p $(@D)
	$(Q)$< > $@.tmp && mv $@.tmp $@
$(BUILD)/obj/vmm/sandbox/sandbox.o: $(BUILD)/gen/vmm/filters.h

$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(BUILD)/gen/vmm/version.h
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC    $<")
	$(Q)$(CC) $(OWN_CPPFLAGS) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIBPAGER): $(PAGER_OBJS)
	@$(if $(V),,echo "  AR    $@")
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(BUILD)/libvmm.a: $(VMM_OBJS)
	@$(if $(V),,echo "  AR    $@")
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(BUILD)/vmm: $(MAIN_OBJ) $(BUILD)/libvmm.a $(LIBPAGER)
	@$(if $(V),,echo "  LD    $@")
	$(Q)$(CC) $(OWN_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/vmm-inspect: $(INSPECT_OBJ) $(BUILD)/libvmm.a $(LIBPAGER)
	@$(if $(V),,echo "  LD    $@")
	$(Q)$(CC) $(OWN_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# --- guest: bare-metal programs -------------------------------------------

# Guests are gcc's, whatever builds the rest.
GUEST_CC ?= gcc
GUEST_OBJCOPY ?= objcopy
GUEST_CFLAGS := -std=gnu11 -O2 -m64 -ffreestanding -fno-stack-protector \
	-fno-pic -mno-red-zone -mgeneral-regs-only -mcmodel=kernel \
	-fno-omit-frame-pointer \
	-fno-asynchronous-unwind-tables -fcf-protection=none \
	-fno-delete-null-pointer-checks -fno-tree-loop-distribute-patterns \
	-Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -I. \
	$(if $(WERROR),-Werror)
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none \
	-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments
GUEST_VIRT := 0xffffffff80000000

GO := $(BUILD)/obj/guest
GB := $(BUILD)/guest

# Programs on the library; programs of one assembler file in 32-bit mode.
GUEST_C_PROGRAMS := status badport hlt echo faraway pc xen frames dmaframe debug
GUEST_BARE_PROGRAMS := hello triple spin halt
GUEST_PROGRAMS := $(GUEST_C_PROGRAMS) $(GUEST_BARE_PROGRAMS) touch lowzero \
	long elf32 mb1 mb1-address pvh pvh32 xen32 hostile \
	crash crash32 taken balloon addrspace parent

GUEST_LIB := $(GO)/lib/cpu.o $(GO)/lib/trap.o $(GO)/lib/smp.o \
	$(GO)/lib/print.o $(GO)/lib/mb2.o $(GO)/lib/option.o
GUEST_START := $(GO)/lib/start.o $(GUEST_LIB)
GUEST_START_HIGH := $(GO)/lib/start-high.o $(GUEST_LIB)
GUEST_HOSTILE := $(addprefix $(GO)/hostile/,main.o ports.o strings.o lines.o \
	mmio.o chips.o virtio.o)
GUEST_KERNEL := $(GO)/kernel/main.o $(GO)/kernel/verify.o
# Address spaces, and of the page-table toolkit what they take: who links these
# does it with $(GUEST_SPARE), which leaves all other formats out.
GUEST_SPACE := $(GO)/lib/vspace.o $(GO)/lib/ram.o \
	$(patsubst pager/%.c,$(GO)/pager/%.o,$(wildcard pager/pt/*.c))
GUEST_SPARE := -Wl$(comma)--gc-sections

GUEST_PARENT := $(addprefix $(GO)/parent/,main.o children.o window.o run.o)
GUEST_CHILDREN := hello border share fault crash

GUEST_ELFS := $(BUILD)/guest.elf $(GUEST_PROGRAMS:%=$(GB)/%.elf) \
	$(GUEST_CHILDREN:%=$(GB)/children/%.elf)

guests: $(GUEST_ELFS) $(BUILD)/init ## build the guest programs
bench-guests: $(BUILD)/bench/touch256.elf ## build the 256 MiB guest

# $(1): extra flags. The linker script is a prerequisite; -T takes it.
define guest_ld
@mkdir -p $(@D)
$(Q)$(GUEST_CC) $(GUEST_LDFLAGS) $(1) -o $@ $(filter %.o,$^) \
	-Wl,-T,$(filter %.ld,$^)
endef

$(GO)/%.o: guest/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<
$(GO)/%.o: guest/%.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<
$(GO)/lib/start-high.o: guest/lib/start.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -DVIRT_BASE=$(GUEST_VIRT) -MMD -MP -c -o $@ $<
$(GO)/lib/start-%.o: guest/lib/start.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -DSTART_$(START) -MMD -MP -c -o $@ $<
$(GO)/lib/start-mb1.o: START := MB1
$(GO)/lib/start-mb1-address.o: START := MB1_ADDRESS
$(GO)/lib/start-pvh.o: START := PVH
$(GO)/elf32.o $(GO)/xen32.o $(GO)/crash32.o: $(GO)/%.o: guest/%.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) -m32 -I. -MMD -MP -c -o $@ $<
# Small: ring 0 of a guest may be emulated.
$(GO)/pager/pt/%.o: GUEST_CFLAGS += -Os
$(GO)/pager/%.o: pager/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -ffunction-sections -fdata-sections -MMD -MP -c -o $@ $<
# For debuggers to show variables and lines of.
$(GO)/crash.o $(GUEST_KERNEL) $(GO)/debug.o: GUEST_CFLAGS += -g

# The pattern: $(GO)/pattern-NAME.o, of PATTERN_BYTES bytes.
$(BUILD)/mkpattern: guest/mkpattern.c guest/pattern.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) -std=gnu11 -O2 -Wall -Wextra -I. -o $@ $<
$(GO)/pattern-%.bin: $(BUILD)/mkpattern
	@mkdir -p $(@D)
	$(Q)$< $(PATTERN_BYTES) > $@.tmp && mv $@.tmp $@
$(GO)/pattern-%.o: guest/pattern.S $(GO)/pattern-%.bin $(BUILD)/flags
	$(Q)$(GUEST_CC) -m64 '-DPATTERN_FILE="$(GO)/pattern-$*.bin"' \
		-DPATTERN_SECTION=$(PATTERN_SECTION) -c -o $@ $<
PATTERN_SECTION := .pattern
$(GO)/pattern-kernel.bin: PATTERN_BYTES := 8388608
$(GO)/pattern-touch.bin: PATTERN_BYTES := 4194304
$(GO)/pattern-hostile.bin: PATTERN_BYTES := 1048576
$(GO)/pattern-touch64.bin: PATTERN_BYTES := 67108864
$(GO)/pattern-touch256.bin: PATTERN_BYTES := 268435456
$(GO)/pattern-lowzero.bin: PATTERN_BYTES := 4096
$(GO)/pattern-lowzero.o: PATTERN_SECTION := .page0
.SECONDARY: $(addprefix $(GO)/pattern-,kernel.bin touch.bin hostile.bin lowzero.bin)

$(GUEST_C_PROGRAMS:%=$(GB)/%.elf): $(GB)/%.elf: $(GO)/%.o $(GUEST_START) \
		guest/link.ld
	$(call guest_ld)
$(GUEST_BARE_PROGRAMS:%=$(GB)/%.elf): $(GB)/%.elf: $(GO)/%.o guest/link.ld
	$(call guest_ld)
$(GB)/touch.elf $(GB)/taken.elf $(GB)/balloon.elf: $(GB)/%.elf: $(GO)/%.o \
		$(GO)/pattern-touch.o $(GUEST_START) guest/link.ld
	$(call guest_ld)
$(BUILD)/bench/touch64.elf $(BUILD)/bench/touch256.elf: \
		$(BUILD)/bench/%.elf: $(GO)/touch.o $(GO)/pattern-%.o \
		$(GUEST_START) guest/link.ld
	$(call guest_ld)
$(GB)/hostile.elf: $(GUEST_HOSTILE) $(GO)/pattern-hostile.o $(GUEST_START) \
		guest/link.ld
	$(call guest_ld)
$(GB)/lowzero.elf: $(GO)/lowzero.o $(GO)/pattern-lowzero.o $(GUEST_START) \
		guest/link.ld
	$(call guest_ld)
$(GB)/long.elf: $(GO)/long.o $(GO)/long-entry.o $(GO)/lib/print.o \
		$(GO)/lib/mb2.o guest/link.ld
	$(call guest_ld,-Wl$(comma)--defsym=VIRT_BASE=$(GUEST_VIRT))
$(GB)/crash.elf: $(GO)/crash.o $(GUEST_START_HIGH) guest/link.ld
	$(call guest_ld,-Wl$(comma)--defsym=VIRT_BASE=$(GUEST_VIRT))
$(GB)/addrspace.elf: $(GO)/addrspace.o
$(GB)/parent.elf: $(GUEST_PARENT)
$(GB)/addrspace.elf $(GB)/parent.elf: $(GUEST_SPACE) $(GUEST_START_HIGH) \
		guest/link.ld
	$(call guest_ld,-Wl$(comma)--defsym=VIRT_BASE=$(GUEST_VIRT) $(GUEST_SPARE))
# Ring 3, at low addresses of their own.
$(GO)/children/%.o: GUEST_CFLAGS += -mcmodel=small
$(GUEST_CHILDREN:%=$(GB)/children/%.elf): $(GB)/children/%.elf: \
		$(GO)/children/%.o guest/children/child.ld
	$(call guest_ld)
$(GB)/elf32.elf $(GB)/xen32.elf $(GB)/crash32.elf: $(GB)/%.elf: $(GO)/%.o guest/link.ld
	$(call guest_ld,-m32)
$(GB)/pvh.elf: $(GO)/pvh.o $(GO)/lib/start-pvh.o $(GUEST_LIB) guest/link.ld
	$(call guest_ld)
# 64-bit code in ELF32 files: loaders of old want these.
$(GO)/mb1.elf64: $(GO)/mb1.o $(GO)/lib/start-mb1.o $(GUEST_LIB) guest/link.ld
	$(call guest_ld)
$(GO)/mb1-address.elf64: $(GO)/mb1.o $(GO)/lib/start-mb1-address.o \
		$(GUEST_LIB) guest/link.ld
	$(call guest_ld)
$(GB)/pvh32.elf: $(GB)/pvh.elf
	$(Q)$(GUEST_OBJCOPY) -O elf32-i386 $< $@
$(GB)/mb1.elf: $(GO)/mb1.elf64
	@mkdir -p $(@D)
	$(Q)$(GUEST_OBJCOPY) -O elf32-i386 $< $@
# Its p_paddr are 16 MiB beside the truth, which the header has.
$(GB)/mb1-address.elf: $(GO)/mb1-address.elf64
	@mkdir -p $(@D)
	$(Q)$(GUEST_OBJCOPY) -O elf32-i386 \
		--change-section-lma '.text+0x1000000' \
		--change-section-lma '.data+0x1000000' \
		--change-section-lma '.bss+0x1000000' $< $@
$(BUILD)/init: rootfs/init.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) -m64 -nostdlib -static -o $@ $<
$(BUILD)/guest.elf: $(GUEST_KERNEL) $(GO)/pattern-kernel.o \
		$(GUEST_START_HIGH) guest/kernel/kernel.ld
	$(call guest_ld,-Wl$(comma)-z$(comma)max-page-size=8)

# --- rootfs: file systems for Linux guests ----------------------------------

# A package, or a file: ./linux-image-mine.deb
KERNEL_PACKAGE ?= linux-image-cloud-amd64
ROOTFS := $(BUILD)/rootfs

rootfs: $(ROOTFS)/VERSIONS ## build an initramfs and a disk image, and fetch their kernel

$(BUILD)/outb: rootfs/outb.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -fno-ident -nostdlib -static -no-pie -s \
		-Wl,--build-id=none -o $@ $<

# Other settings, other file systems.
$(BUILD)/rootfs-settings: FORCE
	@mkdir -p $(@D)
	@echo '$(KERNEL_PACKAGE) $(ROOTFS_FREE) $(SOURCE_DATE_EPOCH)' > $@.tmp; \
		cmp -s $@.tmp $@ || mv $@.tmp $@; rm -f $@.tmp

# Folders, too: a file may be taken away.
$(ROOTFS)/VERSIONS: rootfs/. $(shell find rootfs -mindepth 1 ! -name README.md ! -name '*.S') scripts/vmlinux \
		$(BUILD)/outb $(BUILD)/rootfs-settings $(wildcard $(filter %.deb,$(KERNEL_PACKAGE)))
	$(Q)rootfs/build.sh $(ROOTFS) build/debs $(BUILD)/outb $(KERNEL_PACKAGE)

# The guest's own copy: what it writes stays there, also when the image changes.
$(ROOTFS)/disk.img: | $(ROOTFS)/VERSIONS
	$(Q)cp --sparse=always $(ROOTFS)/rootfs.img $@.tmp && mv -f $@.tmp $@

# `make run-linux DISK=` is a shell without a disk.
DISK ?= $(ROOTFS)/disk.img
RUN_LINUX = $(if $(filter whole,$(LACKS)),scripts/with-kvm --nested,$(EMULATE))

run-linux: $(BUILD)/vmm $(ROOTFS)/VERSIONS $(DISK) ## boot Linux to a prompt; poweroff ends it
	@$(if $(filter whole,$(LACKS)),echo "the KVM of this machine does not run Linux:" \
		"running in an emulated machine; what the guest writes is lost")
	$(RUN_LINUX) $(BUILD)/vmm $(ROOTFS)/vmlinux -m 512M -i $(ROOTFS)/initramfs.cpio \
		-a 'console=ttyS0$(if $(DISK), root=/dev/vda)' $(DISK:%=-d %)

# --- tests ----------------------------------------------------------------

# Compiled in.
$(BUILD)/obj/tests/vectors.o: tests/data/pagetable-vectors.json

# Guest code that needs no guest.
$(BUILD)/obj/tests/guest/%.o: guest/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC    $<")
	$(Q)$(CC) $(OWN_CPPFLAGS) $(CPPFLAGS) $(OWN_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/unit: $(UNIT:%=$(BUILD)/obj/tests/%.o) $(BUILD)/obj/tests/guest/lib/vspace.o \
		$(BUILD)/libvmm.a $(LIBPAGER)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD    $@")
	$(Q)$(CC) -pthread $(SANITIZER_FLAGS) $(LDFLAGS) -o $@ $^ -lelf -lnettle $(CJSON_LIBS) $(CHECK_LIBS)

$(BUILD)/tests/kvm: $(KVM_TESTS:%=$(BUILD)/obj/tests/%.o) $(BUILD)/libvmm.a $(LIBPAGER)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD    $@")
	$(Q)$(CC) -pthread $(SANITIZER_FLAGS) $(LDFLAGS) -o $@ $^ -lelf -lnettle $(CJSON_LIBS) $(CHECK_LIBS)

$(BUILD)/tests/e2e: $(E2E:%=$(BUILD)/obj/tests/%.o) $(LIBPAGER)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD    $@")
	$(Q)$(CC) -pthread $(SANITIZER_FLAGS) $(LDFLAGS) -o $@ $^ -lutil -lelf $(CJSON_LIBS) $(CHECK_LIBS)

# What this machine or user does not have, tests may skip; any other skip fails.
LACKS := $(strip \
	$(shell test -r /dev/kvm -a -w /dev/kvm || echo kvm) \
	$(shell test "$$(id -u)" = 0 || echo root) \
	$(shell command -v iasl >/dev/null || echo iasl) \
	$(shell command -v gdb >/dev/null || echo gdb) \
	$(shell command -v passt >/dev/null || echo passt) \
	$(shell test -c /dev/net/tun || echo tun) \
	$(shell test ! -d /sys/module/kvm_pvm || echo whole) \
	$(shell test ! -d /sys/module/kvm_amd || echo registers) \
	$(shell test "$$(id -u)" = 0 -o -w /dev/userfaultfd -o \
		"$$(cat /proc/sys/vm/unprivileged_userfaultfd 2>&1)" = 1 || echo uffd))
export FAULTLINE_MAY_SKIP ?= $(LACKS)

# Who lacks KVM gets an emulated machine that has it, and root besides; but no
# network, and not another such machine inside. Its processor is AMD's.
EMULATE := $(if $(filter kvm,$(LACKS)),scripts/with-kvm)
EMULATED_SKIPS = FAULTLINE_MAY_SKIP='$(or $(filter all,$(FAULTLINE_MAY_SKIP)), \
	$(filter-out kvm root uffd whole,$(FAULTLINE_MAY_SKIP)) registers)'
LACKS_ALL_THE_SAME := $(filter-out kvm,$(LACKS))

# Where this machine's KVM does not run guest kernels on the processor, an
# emulated machine's does.
check: lacks check-unit check-kvm check-e2e $(if $(filter whole,$(LACKS)),check-nested) ## all tests

.PHONY: lacks fetch-kernels fetch-rootfs
lacks:
	@if [ -n "$(LACKS_ALL_THE_SAME)" ]; then \
		echo "not tested, because this machine or user lacks it:" \
			"$(LACKS_ALL_THE_SAME)"; fi
fetch-kernels:
	@scripts/kernels.sh $(BUILD)/kernels || echo "tests of these kernels will fail"

fetch-rootfs:
	@$(MAKE) --no-print-directory $(SANITIZER) rootfs || echo "tests with it will fail"

check-unit: $(BUILD)/tests/unit ## tests that need neither KVM nor privileges
	$(BUILD)/tests/unit

check-kvm: $(BUILD)/tests/kvm guests ## tests that boot guests in the test process
	$(EMULATE) $(if $(EMULATE),env $(EMULATED_SKIPS)) $(BUILD)/tests/kvm $(BUILD) $(if $(EMULATE),</dev/null)

check-e2e: $(BUILD)/tests/e2e $(BUILD)/vmm $(BUILD)/vmm-inspect guests fetch-rootfs $(if $(EMULATE),fetch-kernels) ## tests of the built program
	$(EMULATE) $(if $(EMULATE),env $(EMULATED_SKIPS)) $(BUILD)/tests/e2e $(BUILD) $(if $(EMULATE),</dev/null)

# Both in one machine.
check-nested: $(BUILD)/tests/kvm $(BUILD)/tests/e2e $(BUILD)/vmm $(BUILD)/vmm-inspect guests fetch-kernels fetch-rootfs ## tests with an emulated AMD processor and Debian's KVM
	scripts/with-kvm --nested --timeout 3000 env $(EMULATED_SKIPS) FAULTLINE_KVM_ONLY=1 \
		sh -c '$(BUILD)/tests/kvm $(BUILD) && $(BUILD)/tests/e2e $(BUILD)' </dev/null

# --- fuzzing --------------------------------------------------------------

# Each target runs this long; its corpus starts from tests/data and grows under
# build/.
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang
FUZZERS := fuzz_child fuzz_gdb fuzz_image fuzz_multiboot fuzz_multiboot2 fuzz_virtqueue fuzz_walk
FUZZ_SOURCES_fuzz_image := pager/image_open.c pager/image_check.c pager/image_kind.c \
	pager/image_note.c pager/source.c pager/symbols.c
FUZZ_SOURCES_fuzz_child := $(wildcard vmm/child/*.c pager/pt/*.c pager/image_*.c) pager/source.c \
	vmm/size.c vmm/error.c
FUZZ_MULTIBOOT := vmm/boot/multiboot_address.c vmm/boot/multiboot_parse.c
FUZZ_SOURCES_fuzz_multiboot := vmm/boot/multiboot_header.c $(FUZZ_MULTIBOOT)
FUZZ_SOURCES_fuzz_multiboot2 := vmm/boot/multiboot2_header.c $(FUZZ_MULTIBOOT)
FUZZ_SOURCES_fuzz_virtqueue := tests/unit/echo_device.c \
	vmm/error.c $(addprefix vmm/virtio/,virtqueue.c virtio_device.c virtio_mmio.c \
	virtio_rng.c virtio_console.c virtio_blk.c disk.c virtio_net.c net_passt.c \
	virtio_balloon.c)
FUZZ_SOURCES_fuzz_walk := $(wildcard pager/pt/*.c)
FUZZ_SOURCES_fuzz_gdb := tests/unit/gdb_help.c \
	$(addprefix vmm/gdb/,protocol.c protocol_query.c protocol_reply.c packet.c hex.c regs.c)

$(FUZZERS:%=$(BUILD)/fuzz/%): $(BUILD)/fuzz/%: tests/fuzz/%.c FORCE
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -std=gnu11 -g -O1 -I. -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $@ $< \
		$(FUZZ_SOURCES_$*) -lelf

fuzz: $(FUZZERS:%=$(BUILD)/fuzz/%) ## fuzz parsers, devices, page tables (FUZZ_SECONDS each)
	@for f in $(FUZZERS); do \
		mkdir -p $(BUILD)/fuzz/corpus_$$f && \
		$(BUILD)/fuzz/$$f -max_len=8192 -max_total_time=$(FUZZ_SECONDS) -timeout=5 \
			-rss_limit_mb=512 -malloc_limit_mb=64 -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/fuzz/$$f- \
			$(BUILD)/fuzz/corpus_$$f tests/data/$$f || exit 1; \
	done

# --- installing -----------------------------------------------------------

INSTALL ?= install
PAGER_HEADERS := pager/window.h pager/event.h pager/fault.h pager/gpa.h pager/image.h pager/loader.h pager/memory.h \
	pager/pager.h pager/resident.h pager/source.h pager/symbols.h pager/trace.h

install: all $(BUILD)/faultline-pager.pc ## install under DESTDIR and PREFIX
	$(INSTALL) -D -m 755 $(BUILD)/vmm "$(DESTDIR)$(PREFIX)/bin/vmm"
	$(INSTALL) -D -m 755 $(BUILD)/vmm-inspect "$(DESTDIR)$(PREFIX)/bin/vmm-inspect"
	$(INSTALL) -D -m 644 vmm/inspect/vmm-inspect.1 \
		"$(DESTDIR)$(PREFIX)/share/man/man1/vmm-inspect.1"
	$(INSTALL) -D -m 644 vmm/inspect/vmm-inspect.bash-completion \
		"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/vmm-inspect"
	$(INSTALL) -D -m 644 vmm/vmm.1 "$(DESTDIR)$(PREFIX)/share/man/man1/vmm.1"
	$(INSTALL) -D -m 644 vmm/vmm.bash-completion \
		"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/vmm"
	$(INSTALL) -D -m 644 $(BUILD)/guest.elf \
		"$(DESTDIR)$(PREFIX)/share/faultline/guest.elf"
	$(INSTALL) -D -m 644 $(LIBPAGER) "$(DESTDIR)$(PREFIX)/lib/libpager.a"
	$(INSTALL) -d "$(DESTDIR)$(PREFIX)/include/faultline/pager"
	$(INSTALL) -m 644 $(PAGER_HEADERS) \
		"$(DESTDIR)$(PREFIX)/include/faultline/pager"
	$(INSTALL) -D -m 644 $(BUILD)/faultline-pager.pc \
		"$(DESTDIR)$(PREFIX)/lib/pkgconfig/faultline-pager.pc"

$(BUILD)/faultline-pager.pc: pager/faultline-pager.pc.in FORCE
	@sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' $< > $@

# --- benchmarks -----------------------------------------------------------

# Static, like the VMM they are compared with.
BENCH_TOOLS := pairs floor mksparse
BENCH := $(BENCH_TOOLS:%=$(BUILD)/bench/%) $(BUILD)/bench/hello.elf \
	$(BUILD)/bench/touch256.elf
BENCH_RUNS ?= $(if $(QUICK),3,11)

$(BENCH_TOOLS:%=$(BUILD)/bench/%): $(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD    $@")
	$(Q)$(CC) $(SANITIZER_FLAGS) $(LDFLAGS) $(if $(SANITIZER),,-static) -o $@ $^
$(GO)/bench-hello.o: tests/bench/hello.S $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/bench/hello.elf: $(GO)/bench-hello.o tests/bench/hello.ld
	$(call guest_ld)

bench: $(BUILD)/vmm $(BENCH) ## benchmarks, side by side: BENCH_RUNS=11, QUICK=1
	@BENCH_RUNS=$(BENCH_RUNS) QUICK=$(QUICK) scripts/bench.sh $(BUILD)

BENCH_ICOUNT := $(BENCH_TOOLS:%=$(BUILD)/bench/%) $(BUILD)/bench/hello.elf \
	$(BUILD)/bench/touch64.elf
bench-icount: $(BUILD)/vmm $(BENCH_ICOUNT) ## count instructions: the same in every run
	@scripts/bench-icount.sh $(BUILD)

$(BUILD)/bench/mkentry: tests/bench/mkentry.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(OWN_CFLAGS) $(CFLAGS) -o $@ $< -lelf
bench-linux: $(BUILD)/vmm $(BUILD)/bench/pairs $(BUILD)/bench/mkentry $(BUILD)/init \
		fetch-kernels ## boot Linux: pagers by instructions, QEMU and KVMTOOL=path by time
	@BENCH_RUNS=$(if $(filter file,$(origin BENCH_RUNS)),3,$(BENCH_RUNS)) \
		scripts/bench-linux.sh $(BUILD)

# The page-table toolkit as a guest has it: one format, walks, edits, visits.
PT_GUEST := $(patsubst pager/%.c,$(GO)/pager/%.o,$(wildcard pager/pt/*.c))
$(GO)/ptsize.o: tests/bench/ptsize.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/bench/ptsize.elf: $(GO)/ptsize.o $(PT_GUEST)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_LDFLAGS) -Wl,--gc-sections -Wl,-e,ptsize -o $@ $^

$(BUILD)/bench/ptbench: $(BUILD)/obj/tests/bench/ptbench.o $(LIBPAGER)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  LD    $@")
	$(Q)$(CC) $(SANITIZER_FLAGS) $(LDFLAGS) $(if $(SANITIZER),,-static) -o $@ $^

bench-pt: $(BUILD)/bench/ptbench $(BUILD)/bench/ptsize.elf ## the page-table toolkit against work by hand
	@$(BUILD)/bench/ptbench $(if $(QUICK),11,101) $(BUILD)/bench/pt.csv
	@size $(BUILD)/bench/ptsize.elf | awk 'NR == 2 { printf "%-46s %-6s %8d\n", \
		"size, x86-64 alone, guest build (aim 8192)", "bytes", $$1 + $$2 }'

# --- upkeep ---------------------------------------------------------------

FORMATTED = $(shell git ls-files '*.c' '*.h')

format: ## format all C files
	clang-format -i $(FORMATTED)

format-check: ## fail where the formatting differs
	clang-format --dry-run -Werror $(FORMATTED)

lint: format-check ## formatting, manual page, shell scripts, include order
	mandoc -Tlint vmm/vmm.1 vmm/inspect/vmm-inspect.1
	shellcheck -s sh scripts/*.sh scripts/with-kvm scripts/nested-init \
		scripts/nested-terminal scripts/vmlinux \
		$(shell grep -rlx '#!/bin/sh' rootfs)
	scripts/check-includes.sh
	scripts/check-coverage.sh

clean: ## remove what was built
	rm -rf build

-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d $(BUILD)/obj/*/*/*/*.d)
