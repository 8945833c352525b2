#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bench.sh BUILD: measures what `make bench` has built in BUILD and leaves CSV
# files and plots in BUILD/bench. The environment may set BENCH_RUNS (rounds,
# default 11), QUICK=1 (3 rounds, smaller sweeps) and QEMU (its program).
#
# Everything that is compared runs in one plan of tests/bench/pairs.c, in turn,
# and is compared round by round; a row of the table is the median, minimum and
# maximum of the rounds' ratios. Absolute times of a busy machine mean little.
#
# Exit status 0 unless a run failed: a bar that is not met is reported only.
set -eu
LC_ALL=C
export LC_ALL

build=${1:?usage: bench.sh BUILD}
bench=$build/bench
vmm=$build/vmm
# What --machine=pc costs at the end has a row of its own.
minimal="$vmm --machine=minimal"
image=$bench/touch256.elf
quick=${QUICK:+1}
rounds=${BENCH_RUNS:-${quick:+3}}
rounds=${rounds:-11}
qemu=${QEMU:-qemu-system-x86_64}
keys=first_instruction,ready_marker,exit,pages_present,faults

say() { echo "bench: $*" >&2; }
pairs() { "$bench/pairs" -k "$keys" "$@"; }

# --- the machine ----------------------------------------------------------

machine() {
	awk -F': ' '/^model name/ { model = $2; n++ }
		END { printf "cpu     %s, %d cores\n", model, n }' /proc/cpuinfo
	echo "kernel  $(uname -r)"
	echo "kvm     $(for m in /sys/module/kvm*; do
		echo "${m##*/}"
	done | tr '\n' ' ')"
	awk '/^MemTotal/ { printf "memory  %.1f GiB\n", $2 / 1048576 }' \
		/proc/meminfo
	echo "load    $(cut -d' ' -f1-3 /proc/loadavg)"
	echo "vmm     $("$vmm" --version)"
	if [ -n "$have_qemu" ]; then
		echo "qemu    $("$qemu" --version | head -n 1)"
	else
		echo "qemu    none: its rows are left out"
	fi
	echo "date    $(date -u +%Y-%m-%dT%H:%M:%SZ), $rounds rounds"
}

have_qemu=
if command -v "$qemu" >/dev/null; then
	have_qemu=1
fi

# --- the runs -------------------------------------------------------------

# The same file for all three, at its quickest everywhere: QEMU without a
# device, ROM or table that can be left out. Its debug-exit device makes (0 <<
# 1) | 1 of the guest's status 0. No `-cpu host`: some KVMs make it abort.
hello_plan() {
	echo "floor 0 $bench/floor"
	echo "vmm 0 $minimal $bench/hello.elf"
	echo "pc 0 $vmm --machine=pc $bench/hello.elf"
	echo "floor-stats 0 $bench/floor --stats"
	echo "vmm-stats 0 $minimal --stats=json $bench/hello.elf"
	echo "pc-stats 0 $vmm --machine=pc --stats=json $bench/hello.elf"
	if [ -n "$have_qemu" ]; then
		off=acpi=off,pit=off,pic=off,rtc=off,pcie=off,usb=off
		off=$off,auto-kernel-cmdline=off,x-option-roms=off
		echo "qemu 1 $qemu -M microvm,$off -accel kvm -m 128M" \
			"-nodefaults -no-user-config -nographic -serial stdio" \
			"-no-reboot -kernel $bench/hello.elf" \
			"-device isa-debug-exit,iobase=0xf4,iosize=4"
	fi
}

# The image is in the page cache after the warm-up: this compares pagers, not
# disks. PAGES less than all for the orders in which each page is a fault.
touch_plan() {
	while read -r name words; do
		for pager in uffd map eager; do
			echo "$name-$pager 0 $minimal -m 512M --pager=$pager" \
				"--stats=json $image -- $words"
		done
	done <<-END
	dense mode=dense
	stride16 mode=stride stride=16
	stride64 mode=stride stride=64
	random mode=random pages=16384
	END
}

# Windows off. A page that is written is one fault of a private file mapping, too;
# of pages that are read the kernel maps 16 per fault (fault-around).
single_plan() {
	for order in "write mode=dense write" "read mode=dense"; do
		name=${order%% *}
		words="${order#* } pages=4096"
		echo "$name-uffd 0 $minimal -m 512M --window 4K --stats=json" \
			"$image -- $words"
		echo "$name-map 0 $minimal -m 512M --pager=map --stats=json" \
			"$image -- $words"
	done
}

image_sizes="1 16 256 1024 4096" # MiB
memory_sizes="64M 512M 4G 64G 1T"
setup_plan() {
	for size in $image_sizes; do
		echo "image-$size 0 $minimal -m 1T --stats=json" \
			"$bench/sparse-$size.elf"
	done
	for size in $memory_sizes; do
		echo "memory-$size 0 $minimal -m $size --stats=json" \
			"$bench/sparse-1.elf"
	done
}

latency_run() {
	$minimal -m 512M --window 4K --trace "$bench/latency.trace" -q "$image" \
		-- mode=random pages=16384 >/dev/null
}

# --- figures from rows ----------------------------------------------------

# Shared awk: columns by name, quantiles by insertion sort.
# shellcheck disable=SC2016 # awk's dollars
common='
function column(name, i) {
	for (i in title)
		if (title[i] == name)
			return i
}
function value(name) {
	if (name == "touch_us")
		return $(column("exit")) - $(column("ready_marker"))
	return $(column(name))
}
function insert(list, n, x, i) {
	for (i = n; i > 1 && list[i - 1] > x; i--)
		list[i] = list[i - 1]
	list[i] = x
}
function quantile(list, n, q, at, low) {
	at = 1 + (n - 1) * q
	low = int(at)
	return low == n ? list[n] : \
		list[low] + (at - low) * (list[low + 1] - list[low])
}
function quantiles(list, n) {
	return sprintf("%.6g %.6g %.6g %.6g %.6g", quantile(list, n, 0.5),
		list[1], quantile(list, n, 0.25), quantile(list, n, 0.75),
		list[n])
}
NR == 1 {
	for (i = 1; i <= NF; i++)
		title[i] = $i
	next
}
'

# column_of CSV NAME COLUMN [SCALE]: median, min, quartiles, max of a column.
column_of() {
	awk -F, -v name="$2" -v want="$3" -v scale="${4:-1}" "$common"'
	$2 == name { insert(list, ++n, value(want) * scale) }
	END { print quantiles(list, n) }' "$bench/$1.csv"
}

# ratio_of CSV A B COLUMN: the same of A / B, round by round.
ratio_of() {
	awk -F, -v a="$2" -v b="$3" -v want="$4" "$common"'
	$2 == a { over[$1] = value(want) }
	$2 == b { under[$1] = value(want) }
	END {
		for (i in over)
			insert(list, ++n, over[i] / under[i])
		print quantiles(list, n)
	}' "$bench/$1.csv"
}

# row LABEL BAR AIM: a line of the table and of summary.csv from the five
# figures on stdin. BAR "-": only reported.
row() {
	awk -v label="$1" -v bar="$2" -v aim="$3" -v csv="$bench/summary.csv" '
	function short(x) {
		return x >= 100 ? sprintf("%.0f", x) : sprintf("%.3g", x)
	}
	{
		verdict = bar == "-" ? "" : $1 <= aim + 0 ? "met, aim too" : \
			$1 <= bar + 0 ? "met" : "NOT MET"
		printf "%-42s %7s %7s %7s %7s %7s%s\n", label, short($1),
			short($2), short($5), bar == "-" ? bar : short(bar),
			aim == "-" ? aim : short(aim),
			verdict ? "  " verdict : ""
		gsub(/,/, ";", label)
		printf "%s,%s,%s,%s,%s,%s,%s,%s,%s\n", label, $1, $2, $3, $4,
			$5, bar, aim, verdict >>csv
	}'
}

resident() {
	column_of touch "$1" pages_present "$(awk -v bytes="$(wc -c <"$image")" \
		'BEGIN { printf "%.9g", 4096 / bytes }')"
}

table() {
	echo figure,median,min,q1,q3,max,bar,aim,verdict >"$bench/summary.csv"
	printf '%-42s %7s %7s %7s %7s %7s\n' 'ratio, unless it has a unit' \
		median min max bar aim
	ratio_of hello vmm floor wall_us |
		row 'hello: vmm / bare floor' 2.0 1.3
	ratio_of hello vmm-stats floor-stats first_instruction |
		row 'first instruction: vmm / bare floor' - -
	ratio_of hello vmm pc wall_us |
		row 'hello: minimal / pc' - -
	if [ -n "$have_qemu" ]; then
		ratio_of hello vmm qemu wall_us |
			row 'hello: vmm / QEMU microvm' 0.0833 0.04
	fi
	ratio_of touch dense-uffd dense-eager wall_us |
		row 'dense: uffd / eager' 1.25 1.05
	ratio_of touch dense-uffd dense-map wall_us |
		row 'dense: uffd / map' 0.7 0.5
	ratio_of touch stride64-uffd stride64-eager wall_us |
		row '1/64 strided: uffd / eager' 0.4 0.25
	resident stride64-uffd |
		row '1/64 strided: part of image resident' 0.1 0.02
	ratio_of touch stride64-uffd stride64-map wall_us |
		row '1/64 strided: uffd / map' - -
	ratio_of touch stride16-uffd stride16-eager wall_us |
		row '1/16 strided: uffd / eager' 1.0 0.75
	resident stride16-uffd |
		row '1/16 strided: part of image resident' 0.2 0.07
	ratio_of touch stride16-uffd stride16-map wall_us |
		row '1/16 strided: uffd / map' - -
	ratio_of touch random-uffd random-eager wall_us |
		row 'random 1/4: uffd / eager' - -
	ratio_of touch random-uffd random-map wall_us |
		row 'random 1/4: uffd / map' - -
	ratio_of single write-uffd write-map touch_us |
		row 'one page per fault, written: uffd / map' 3.6 2.8
	ratio_of single read-uffd read-map touch_us |
		row 'one page per fault, read: uffd / map' - -
	ratio_of setup image-4096 memory-64M first_instruction |
		row 'set-up: 4 GiB image, 1T / 1 MiB, 64M' 1.5 1.1
	column_of hello vmm rss_kib 0.0009765625 |
		row 'hello: resident memory of vmm, MiB' 4 1.8
	echo
	column_of hello floor wall_us 0.001 |
		row 'hello: bare floor, ms' - -
	column_of hello vmm wall_us 0.001 |
		row 'hello: vmm, ms' - -
	column_of hello pc wall_us 0.001 |
		row 'hello: vmm, machine pc, ms' - -
	column_of hello pc-stats first_instruction 0.001 |
		row 'hello: vmm, machine pc, first instruction, ms' - -
	column_of hello vmm-stats first_instruction 0.001 |
		row 'hello: vmm, first instruction, ms' - -
	if [ -n "$have_qemu" ]; then
		column_of hello qemu wall_us 0.001 |
			row 'hello: QEMU microvm, ms' - -
	fi
	for order in dense stride16 stride64 random; do
		for pager in uffd map eager; do
			column_of touch $order-$pager wall_us 0.001 |
				row "256 MiB, $order: $pager, ms" - -
		done
	done
	for name in write-uffd write-map read-uffd read-map; do
		column_of single $name touch_us 0.000244140625 |
			row "one page per fault: $name, us/page" - -
	done
	for q in 50 90 99; do
		quantile_of_latency $q |
			row "service of a single fault: p$q, us" - -
	done
}

# --- latencies ------------------------------------------------------------

# Column 7 of a trace: from reading the fault to its page's publication.
sort_latencies() {
	awk '!/^#/ && $4 == 1 { print $7 }' "$bench/latency.trace" | sort -n \
		>"$bench/latency.sorted"
	awk 'BEGIN { print "us,cdf" }
	{ us[NR] = $1 }
	END {
		for (i = 1; i <= NR; i++)
			if (i == NR || us[i + 1] != us[i])
				print us[i] "," i / NR
	}' "$bench/latency.sorted" >"$bench/latency.csv"
}

quantile_of_latency() {
	awk -v q="$1" '{ us[NR] = $1 }
	END {
		i = int((NR - 1) * q / 100) + 1
		print us[i], us[1], us[int(NR / 4) + 1], us[int(NR * 3 / 4) + 1],
			us[NR]
	}' "$bench/latency.sorted"
}

# --- plots ----------------------------------------------------------------

# Tables for gnuplot: a name, then median, minimum, maximum of each series.
plot_data() {
	for name in floor vmm ${have_qemu:+qemu}; do
		echo "$name $(column_of hello "$name" wall_us 0.001)"
	done >"$bench/hello.dat"
	for order in dense stride16 stride64 random; do
		echo "$order" "$(column_of touch $order-uffd wall_us 0.001)" \
			"$(column_of touch $order-map wall_us 0.001)" \
			"$(column_of touch $order-eager wall_us 0.001)"
	done >"$bench/touch.dat"
	for size in $image_sizes; do
		echo "$size" "$(column_of setup "image-$size" \
			first_instruction 0.001)"
	done >"$bench/setup-image.dat"
	for size in $memory_sizes; do
		echo "$size" "$(column_of setup "memory-$size" \
			first_instruction 0.001)"
	done | sed 's/^\([0-9]*\)M/\1/; s/^\([0-9]*\)G/\1*1024/
		s/^\([0-9]*\)T/\1*1048576/' |
		awk '{ split($1, part, "*")
			$1 = part[2] ? part[1] * part[2] : part[1]; print }' \
			>"$bench/setup-memory.dat"
}

plots() {
	rm -f "$bench"/*.svg "$bench"/*.png # of an earlier run
	if ! command -v gnuplot >/dev/null; then
		say "no gnuplot (Debian: gnuplot-nox): NO PLOTS," \
			"only the CSV files"
		return
	fi
	plot_data
	percentiles=$(for q in 50 90 99; do
		quantile_of_latency $q | cut -d' ' -f1
	done | tr '\n' ' ')
	for type in svg png; do
		gnuplot -e "dir = '$bench'; type = '$type'" \
			-e "percentiles = '$percentiles'" scripts/bench.gp
	done
}

# --- all of it ------------------------------------------------------------

for size in $image_sizes; do
	"$bench/mksparse" "$bench/sparse-$size.elf" "$size"
done
machine | tee "$bench/machine.txt"

say "hello, four times the rounds"
hello_plan | pairs -n $((rounds * 4)) -w 2 >"$bench/hello.csv"
say "time to the first instruction against sizes"
setup_plan | pairs -n $((rounds * 2)) -w 1 >"$bench/setup.csv"
say "first touch of a 256 MiB image"
touch_plan | pairs -n "$rounds" -w 1 >"$bench/touch.csv"
say "one page per fault"
single_plan | pairs -n "$rounds" -w 1 >"$bench/single.csv"
say "latencies of single faults"
latency_run
sort_latencies

echo
table | tee "$bench/table.txt"
plots
rm -f "$bench"/*.dat "$bench/latency.sorted"
say "results are in $bench: *.csv, table.txt, machine.txt, and any plots"
