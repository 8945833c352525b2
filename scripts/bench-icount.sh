#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bench-icount.sh BUILD: counts the instructions of what `make bench-icount` has
# built in BUILD, of guest, VMM and kernel together, and leaves icount.csv (runs)
# and icount-summary.csv (figures) in BUILD/bench. If there are figures of an
# earlier run, the table shows the change.
#
# It runs itself, as `bench-icount.sh BUILD inside`, in with-kvm --icount, where
# a nanosecond is an instruction. Waiting for the kernel's grace periods is in
# wall_us, but not in cpu_us, from which the figures are.
set -eu
LC_ALL=C
export LC_ALL

build=${1:?usage: bench-icount.sh BUILD}
bench=$build/bench
rounds=3
hello_rounds=21

# --- inside -----------------------------------------------------------------

touch_run() { # name words of vmm and, behind --, of the guest
	name=$1
	shift
	echo "$name 0 $ram/vmm --machine=minimal -m 256M --stats=json $*"
}

hello_plan() {
	echo "floor 0 $ram/floor"
	for machine in minimal pc; do
		echo "hello-$machine 0 $ram/vmm --machine=$machine" \
			"$ram/hello.elf"
	done
}

# Where each page shall be a fault, pages are written: reads of a file mapping
# bring sixteen at a time.
touch_plan() {
	image=$ram/touch64.elf
	pages=4096
	touch_run zero "$image" -- zeros write pages=$pages
	touch_run uffd --window=4K "$image" -- write pages=$pages
	touch_run map --pager=map "$image" -- write pages=$pages
	touch_run dense-eager --pager=eager "$image" --
	for pager in uffd map; do
		touch_run dense-$pager --pager=$pager "$image" --
		touch_run stride16-$pager --pager=$pager "$image" -- \
			mode=stride stride=16
		touch_run stride64-$pager --pager=$pager "$image" -- \
			mode=stride stride=64
	done
}

if [ "${2-}" = inside ]; then
	# In memory: no file server's time. No huge pages: one fault per page.
	ram=/dev/shm
	cp "$build/vmm" "$bench/floor" "$bench/pairs" "$bench/hello.elf" \
		"$bench/touch64.elf" $ram
	echo never >/sys/kernel/mm/transparent_hugepage/enabled
	keys=vm_created,armed,ready_marker,exit,pages
	hello_plan >$ram/hello
	touch_plan >$ram/touch
	$ram/pairs -k $keys -n $hello_rounds -w 3 <$ram/hello
	$ram/pairs -k $keys -n $rounds -w 1 <$ram/touch >$ram/csv
	sed 1d $ram/csv
	exit
fi

# --- outside ----------------------------------------------------------------

say() { echo "bench-icount: $*" >&2; }
say "instructions, counted in an emulated machine; this takes minutes"

# No environment: its size is part of every process.
env -i PATH="$PATH" ${TMPDIR:+TMPDIR="$TMPDIR"} ${QEMU:+QEMU="$QEMU"} \
	scripts/with-kvm --icount --timeout 1800 \
	scripts/bench-icount.sh "$build" inside </dev/null >"$bench/icount.csv"

# The median of the rounds; microseconds become instructions.
figures() {
	awk -F, '
	NR == 1 {
		for (i = 1; i <= NF; i++)
			column[$i] = i
		next
	}
	{
		n = ++rounds[$2]
		cpu[$2, n] = $column["cpu_us"] * 1000
		touch[$2, n] = ($column["exit"] - $column["ready_marker"]) * 1000
		load[$2, n] = ($column["armed"] - $column["vm_created"]) * 1000
		pages[$2] = $column["pages"]
	}
	function median(of, name, i, j, n, x, sorted) {
		n = rounds[name]
		for (i = 1; i <= n; i++) {
			x = of[name, i]
			for (j = i; j > 1 && sorted[j - 1] > x; j--)
				sorted[j] = sorted[j - 1]
			sorted[j] = x
		}
		return sorted[int((n + 1) / 2)]
	}
	function figure(what, value) {
		printf "%s,%.0f\n", what, value
	}
	END {
		single = 4096
		zero = median(touch, "zero") / single
		uffd = median(touch, "uffd") / single
		hello = median(cpu, "hello-minimal")
		floor = median(cpu, "floor")
		figure("floor", floor)
		figure("hello", hello)
		figure("hello above floor", hello - floor)
		figure("hello on --machine=pc", median(cpu, "hello-pc"))
		figure("one kernel zero-fill page", zero)
		figure("one mapped page", median(touch, "map") / single)
		figure("one userfaultfd page", uffd)
		figure("one userfaultfd page above a kernel zero-fill page",
			uffd - zero)
		figure("one page loaded before the start",
			median(load, "dense-eager") / pages["dense-eager"])
		n = split("dense-eager dense-uffd dense-map stride16-uffd " \
			"stride16-map stride64-uffd stride64-map", names, " ")
		for (i = 1; i <= n; i++)
			figure("64 MiB: " names[i], median(cpu, names[i]))
	}' "$bench/icount.csv"
}

summary=$bench/icount-summary.csv
if [ -s "$summary" ]; then
	mv -f "$summary" "$bench/icount-before.csv"
else
	: >"$bench/icount-before.csv"
fi
figures >"$summary"
awk -F, '
BEGIN { printf "%-52s %12s %12s\n", "figure", "instructions", "change" }
FILENAME ~ /before/ {
	before[$1] = $2
	next
}
{
	change = before[$1] ? sprintf("%+.2f %%", ($2 / before[$1] - 1) * 100) : "-"
	printf "%-52s %12d %12s\n", $1, $2, change
}
$1 == "hello above floor" || $1 ~ /page above/ {
	last = last "\n" $1 ": " $2 " instructions"
}
END { print last }' "$bench/icount-before.csv" "$summary"
