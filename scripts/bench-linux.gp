# SPDX-License-Identifier: Apache-2.0
#
# The fault trace of a boot as a picture: guest-physical address over time, a
# bar per fault as high as its window. bench-linux.sh sets dir and type (svg or
# png). The trace's columns are in vmm.1, TRACE FORMAT.
if (type eq 'svg') {
	set terminal svg size 900,600 background '#ffffff' font 'sans,13'
} else {
	set terminal pngcairo size 900,600 font 'sans,11'
}
set output dir.'/linux-faults.'.type
set title 'Linux boots: pages brought, until user space turns the machine off'
set xlabel 'ms since the start of the process'
set ylabel 'guest-physical address, MiB'
set grid linecolor '#dddddd'
set border 3
set tics nomirror
set key outside below
set yrange [0:*]

trace = dir.'/linux.trace'
sources = system("awk '!/^#/ { n[$5]++ } END { for (s in n) print n[s], s }' \
	".trace." | sort -rn | awk '{ print $2 }' | head -n 8")
name(path) = system('basename '.path)
mib = 1048576.
plot for [s in sources] trace \
	using (strcol(5) eq s ? $1 / 1e3 : 1/0):($3 / mib):($3 / mib): \
		($3 / mib + $4 / 256.) \
	with yerrorbars pointtype 7 pointsize 0.3 linewidth 2 title name(s)
