#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bench-linux.sh BUILD: boots Debian's cloud kernel and the smallest user space
# with what `make bench-linux` has built in BUILD, and with QEMU (QEMU=path) and
# kvmtool (KVMTOOL=path) where they are to be had. It leaves linux.csv and
# linux-peers.csv (runs), linux-memory.csv and, by gnuplot, linux-faults.svg and
# .png in BUILD/bench.
#
# Programs: the whole boot, and a copy of the kernel whose first instruction ends
# the VM (tests/bench/mkentry.c), which is the way there alone. Figures are medians
# of BENCH_RUNS (3). The script runs itself in two emulated machines:
#
#	... BUILD ours	in with-kvm --icount, where a nanosecond is an instruction
#			and one run is like the next: the pagers, compared by the
#			processor time of guest, VMM and kernel together
#	... BUILD peers	in with-kvm --nested, by time: Faultline and the others,
#			run by run in turn. QEMU does not bear the other clock:
#			its start takes anything from 5 to 60 s of it, and every
#			few runs the machine comes to a stand, at one instruction
set -eu
LC_ALL=C
export LC_ALL

build=${1:?usage: bench-linux.sh BUILD}
bench=$build/bench
rounds=${BENCH_RUNS:-3}
memory=128
ram=/dev/shm # in there: no file server's time
qemu=${QEMU:-qemu-system-x86_64}

have() { command -v "$1" >/dev/null; }

# --- inside -----------------------------------------------------------------

# QEMU at its quickest: no firmware but what loads the kernel, no device that can
# be left out. What it wants of ACPI is the power-off.
qemu_words() {
	machine=microvm,pit=off,pic=off,rtc=off,usb=off,auto-kernel-cmdline=off
	echo "$qemu -M $machine -bios qboot.rom -accel kvm -m $memory" \
		"-nodefaults -no-user-config -nographic -serial stdio" \
		"-no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4"
}

vmm_words() { # pager
	echo "$ram/vmm --machine=minimal -m $memory --pager=$1 --stats=json"
}

# The same command line for all; QEMU's debug-exit device makes 1 of the status
# 0.
cmdline='console=ttyS0 quiet'
plan() {
	words='-a console=ttyS0 -a quiet'
	linux="-i $ram/initramfs $ram/linux.elf"
	for pager in uffd map eager; do
		echo "entry-$pager 0 $(vmm_words $pager) $ram/entry.elf"
		echo "boot-$pager 0 $(vmm_words $pager) $linux $words"
	done
}

# Neighbours are compared. QEMU maps its kernel, which fills the holes of a file
# in memory: it has copies of its own.
peers_plan() {
	echo "entry-uffd 0 $(vmm_words uffd) $ram/entry.elf"
	! have "$qemu" ||
		echo "entry-qemu 1 $(qemu_words) -kernel $ram/qemu-entry.elf"
	echo "boot-uffd 0 $(vmm_words uffd) -i $ram/initramfs $ram/linux.elf" \
		"-a console=ttyS0 -a quiet"
	if have "$qemu"; then
		# A plan has no quotes.
		echo "exec $(qemu_words) -kernel $ram/qemu.elf" \
			"-initrd $ram/initramfs -append '$cmdline'" >$ram/boot-qemu
		echo "boot-qemu 0 /bin/sh $ram/boot-qemu"
	fi
	if [ -n "${KVMTOOL:-}" ]; then
		echo "exec $KVMTOOL run -m $memory -c 1 --console serial" \
			"-k $ram/vmlinuz -i $ram/initramfs -p '$cmdline'" \
			>$ram/boot-kvmtool
		echo "boot-kvmtool 0 /bin/sh $ram/boot-kvmtool"
	fi
}

# Resident KiB of a process but for its guest's RAM: mappings side by side, of
# an image or without reservation of swap, that make up all of it.
overhead() { # process
	awk -v ram=$((memory * 1024)) '
	function close_group() {
		if (size != ram)
			total += rss
		size = rss = 0
	}
	function close_mapping() {
		if (candidate) {
			if (start != end_of_last)
				close_group()
			size += kib
			rss += resident
			end_of_last = end
		} else {
			close_group()
			total += resident
		}
	}
	/^[0-9a-f]+-[0-9a-f]+ / {
		if (NR > 1)
			close_mapping()
		split($1, ends, "-")
		start = ends[1]
		end = ends[2]
		candidate = $6 ~ /(linux|qemu)\.elf$|initramfs$/
	}
	$1 == "Size:" { kib = $2 }
	$1 == "Rss:" { resident = $2 }
	$1 == "VmFlags:" && / nr / { candidate = 1 }
	$1 == "VmFlags:" && kib == ram { candidate = 1 }
	END {
		close_mapping()
		close_group()
		print total
	}' "/proc/$1/smaps"
}

# When user space is there and stays there.
memory_of() { # name words ...
	name=$1
	shift
	"$@" >"$ram/console" 2>&1 </dev/null &
	until grep -q 'user space is there' "$ram/console"; do
		kill -0 $! || { cat "$ram/console" >&2 && exit 1; }
		sleep 0.1
	done
	echo "$name,$(overhead $!)"
	kill $!
	wait $! || :
}

measure_memory() {
	echo who,kib
	for pager in uffd map eager; do
		# shellcheck disable=SC2046
		memory_of "$pager" $(vmm_words $pager) -i "$ram/initramfs" \
			"$ram/linux.elf" -a "$cmdline -- stay"
	done
}

measure_peers_memory() {
	if have "$qemu"; then
		# shellcheck disable=SC2046
		memory_of qemu $(qemu_words) -kernel "$ram/qemu.elf" \
			-initrd "$ram/initramfs" \
			-append "$cmdline -- stay"
	fi
}

if [ "${2-}" = ours ] || [ "${2-}" = peers ]; then
	cp "$build/vmm" "$bench/pairs" "$bench/entry.elf" "$bench/initramfs" $ram
	# Its holes, which the file server does not show, are not loaded.
	cp --sparse=always "$build/kernels/linux.elf" $ram
	keys=first_instruction,ready_marker,exit,pages,pages_present,bytes_read
	keys=$keys,faults,IO,MMIO,accesses
fi
case ${2-} in
ours)
	plan >$ram/plan
	$ram/pairs -k "$keys" -n "$rounds" -w 1 <$ram/plan >"$OUT/linux.csv"
	measure_memory >"$OUT/linux-memory.csv"
	# shellcheck disable=SC2046
	$(vmm_words uffd) --trace "$OUT/linux.trace" -i $ram/initramfs \
		$ram/linux.elf -a "$cmdline" >/dev/null 2>&1
	exit
	;;
peers)
	cp $ram/linux.elf $ram/qemu.elf
	cp $ram/entry.elf $ram/qemu-entry.elf
	[ -z "${KVMTOOL:-}" ] || cp "$build/kernels/vmlinuz" $ram
	peers_plan >$ram/plan
	$ram/pairs -k "$keys" -n "$rounds" -w 1 <$ram/plan >$ram/csv
	measure_peers_memory >"$OUT/peers-memory.csv"
	mv $ram/csv "$OUT/linux-peers.csv"
	exit
	;;
esac

# --- outside ----------------------------------------------------------------

say() { echo "bench-linux: $*" >&2; }

out=$bench/linux
rm -rf "$out" "$bench"/linux*.csv "$bench/linux.trace"
mkdir -p "$out"
"$bench/mkentry" "$build/kernels/linux.elf" "$bench/entry.elf"
(cd "$build" && echo init | cpio -o -H newc --quiet) >"$bench/initramfs"
have "$qemu" || say "no $qemu (Debian: qemu-system-x86): its rows are left out"
if [ -n "${KVMTOOL:-}" ] && ! have "$KVMTOOL"; then
	say "KVMTOOL=$KVMTOOL: no such program"
	exit 1
fi

# No environment: its size is part of every process.
run() { # --icount or --nested, seconds, ours or peers
	env -i PATH="$PATH" OUT="$out" BENCH_RUNS="$rounds" \
		${KVMTOOL:+KVMTOOL="$KVMTOOL"} ${TMPDIR:+TMPDIR="$TMPDIR"} \
		${QEMU:+QEMU="$QEMU"} scripts/with-kvm "$1" --timeout "$2" \
		scripts/bench-linux.sh "$build" "$3"
}
# A run of QEMU's boot takes some ten seconds.
run_peers() {
	for try in 1 2 3; do
		run --nested $((120 + 60 * (rounds + 1))) peers && return
		say "the other programs: try $try of 3 came to no good end"
	done
}

say "instructions, counted in an emulated machine; this takes minutes"
run --icount 3000 ours
if have "$qemu" || [ -n "${KVMTOOL:-}" ]; then
	say "the other programs, by time"
	run_peers
fi
[ ! -e "$out/peers-memory.csv" ] ||
	cat "$out/peers-memory.csv" >>"$out/linux-memory.csv"
rm -f "$out/peers-memory.csv"
mv -f "$out"/* "$bench"
rmdir "$out"
[ -e "$bench/linux-peers.csv" ] || : >"$bench/linux-peers.csv"

if have gnuplot; then
	for type in svg png; do
		gnuplot -e "dir = '$bench'; type = '$type'" scripts/bench-linux.gp
	done
else
	say "no gnuplot (make deps-dev installs it): no plots"
fi

awk -F, -v memory_csv="$bench/linux-memory.csv" '
# Runs are known by program and machine: the second machine is the second file.
function median(name, key, i, j, n, x, sorted) {
	n = rounds[name]
	for (i = 1; i <= n; i++) {
		x = value[name, i, key] + 0
		for (j = i; j > 1 && sorted[j - 1] > x; j--)
			sorted[j] = sorted[j - 1]
		sorted[j] = x
	}
	return sorted[int((n + 1) / 2)]
}
# A bar that holds, does not, or could not be looked at; "-": no bar.
function row(what, bar, ratio) {
	verdict = bar == "-" ? "" : "bar " bar ": " \
		(ratio == "" ? "unknown" : ratio <= bar ? "holds" : "MISSED")
	if (ratio == "")
		printf "%-62s %8s   %s\n", what, "-", verdict
	else
		printf "%-62s %8.3f   %s\n", what, ratio, verdict
}
function fastest_peer(what, best, p) {
	best = ""
	for (i in peers) {
		p = "peers:" what "-" peers[i]
		if (rounds[p] && (best == "" ||
		    median(p, "wall_us") < median(best, "wall_us")))
			best = p
	}
	return best
}
function against_peer(what, label, bar, p) {
	p = fastest_peer(what)
	if (p == "")
		row(label " uffd/other programs, none of which ran", bar, "")
	else
		row(label " uffd/" substr(p, index(p, "-") + 1) " (time)", bar, \
			median("peers:" what "-uffd", "wall_us") / \
			median(p, "wall_us"))
}
FNR == 1 {
	machine = FILENAME ~ /peers/ ? "peers:" : ""
	for (i = 1; i <= NF; i++)
		column[i] = $i
	next
}
{
	n = ++rounds[machine $2]
	for (i = 1; i <= NF; i++)
		value[machine $2, n, column[i]] = $i
}
END {
	split("uffd map eager", pagers, " ")
	split("qemu kvmtool", peers, " ")
	printf "%-8s %16s %16s %10s %8s %8s %8s %8s\n", "pager", \
		"to the entry, M", "to user space, M", "MiB read", "pages", \
		"faults", "exits", "serial"
	for (i = 1; i <= 3; i++) {
		p = pagers[i]
		printf "%-8s %16.1f %16.1f %10.1f %8d %8d %8d %8d\n", p, \
			median("entry-" p, "first_instruction") / 1000, \
			median("boot-" p, "ready_marker") / 1000, \
			median("boot-" p, "bytes_read") / 1048576, \
			median("boot-" p, "pages_present"), \
			median("boot-" p, "faults"), \
			median("boot-" p, "IO") + median("boot-" p, "MMIO"), \
			median("boot-" p, "accesses")
	}
	uffd = median("boot-uffd", "ready_marker")
	print ""
	row("bytes read to user space, of those that the file would load", \
		0.60, median("boot-uffd", "bytes_read") / 4096 / \
		median("entry-uffd", "pages"))
	row("to user space: uffd/eager", 1.10, \
		uffd / median("boot-eager", "ready_marker"))
	row("to user space: uffd/map", "-", \
		uffd / median("boot-map", "ready_marker"))
	against_peer("entry", "start to the entry and exit:", 0.5)
	against_peer("boot", "start to power-off:", "-")
	while ((getline line < memory_csv) > 0) {
		split(line, field, ",")
		if (field[2] + 0)
			row("resident MiB less guest RAM: " field[1], \
				field[1] == "qemu" ? "-" : 5, field[2] / 1024)
	}
}' "$bench/linux.csv" "$bench/linux-peers.csv"
