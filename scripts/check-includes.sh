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
if grep -lE '^#include <linux/kvm' vmm/*.[ch] vmm/*/*.[ch] |
	grep -vE '^vmm/(vm|vcpu|exit|xen_exit|cpuid|crash/registers|chips|chips_pc|chips_split|sandbox/rules)\.[ch]$'; then
	echo "KVM's headers are for vm, vcpu, exit, xen_exit, cpuid, registers, the chips and the sandbox's rules" >&2
	fail=1
fi

for header in vmm/*.h vmm/*/*.h pager/*.h pager/pt/*.h guest/abi.h; do
	if ! ${CC:-gcc} -std=gnu11 -fsyntax-only -I. -x c "$header" 2>/dev/null; then
		echo "$header does not compile alone" >&2
		fail=1
	fi
done
exit $fail
