#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails on an include cycle between modules (a module is a .c with its .h), on a
# folder that includes what it must not, and on a header that does not compile
# alone.
set -eu
cd "$(dirname "$0")/.."

fail=0
edges=$(mktemp)
trap 'rm -f "$edges"' EXIT

for file in vmm/*.[ch] vmm/*/*.[ch] pager/*.[ch] pager/pt/*.[ch]; do
	module=${file%.[ch]}
	sed -nE 's/^#include "([^"]+)".*/\1/p' "$file" | while read -r header; do
		other=${header%.h}
		[ "$other" = "$module" ] || echo "$module $other"
	done
done | sort -u >"$edges"
if ! tsort <"$edges" >/dev/null 2>&1; then
	echo "include cycle:" >&2
	tsort <"$edges" 2>&1 >/dev/null | sed 's/^tsort: /  /' >&2
	fail=1
fi

# No output: fine.
if grep -nE '^#include (<linux/kvm|"vmm/|"guest/)' pager/*.[ch] pager/pt/*.[ch]; then
	echo "the pager knows neither KVM nor the VMM" >&2
	fail=1
fi
# only_in HEADERS FILES WHOSE: an interface of the host's is for few files.
only_in() {
	if grep -lE "^#include <($1)" vmm/*.[ch] vmm/*/*.[ch] pager/*.[ch] pager/pt/*.[ch] |
		grep -vE "^($2)\.[ch]\$"; then
		echo "$3" >&2
		fail=1
	fi
}
only_in 'linux/kvm' \
	'vmm/(vm|vcpu|exit|xen_exit|cpuid|crash/registers|chips|chips_pc|chips_split|sandbox/rules|gdb/(debug|halt|probe|cpu_state))' \
	"KVM's headers are for vm, vcpu, exit, xen_exit, cpuid, registers, the chips, the sandbox's rules and gdb's debug, halt, probe and cpu_state"
only_in 'linux/userfaultfd' 'pager/uffd|vmm/sandbox/rules' \
	"userfaultfd is for uffd, and the sandbox's rules"
only_in 'libelf|gelf' 'pager/image_[a-z]+|pager/symbols' "libelf is for images and their symbols"
only_in 'termios' 'vmm/console' "termios is for console"
only_in 'seccomp|linux/(seccomp|landlock|capability)' 'vmm/sandbox/[a-z]+' \
	"seccomp, Landlock and capabilities are for the sandbox"
only_in 'linux/if_tun' 'vmm/virtio/net_tap|vmm/sandbox/rules' \
	"TUN/TAP is for net_tap, and the sandbox's rules"
# A device knows neither VM nor KVM, and is told what it needs of console and pager.
if grep -nE '^#include "vmm/(vm|vcpu|session|options|console)\.h|^#include "pager/pager' \
	vmm/devices/*.[ch] vmm/virtio/*.[ch] | grep -vE "^vmm/(virtio/virtio_create\.c|devices/board\.h):"; then
	echo "devices know neither VM, pager nor options" >&2
	fail=1
fi

# vmm-inspect needs no VM to exist.
if grep -nE '^#include "vmm/' vmm/inspect/*.[ch] |
	grep -vE '"vmm/(inspect/[a-z_]+|error|number|version|crash/core_note|child/children)\.h"'; then
	echo "vmm-inspect knows files and page tables, no VM" >&2
	fail=1
fi

for header in vmm/*.h vmm/*/*.h pager/*.h pager/pt/*.h guest/abi.h; do
	if ! ${CC:-gcc} -std=gnu11 -fsyntax-only -I. -x c "$header" 2>/dev/null; then
		echo "$header does not compile alone" >&2
		fail=1
	fi
done
exit $fail
