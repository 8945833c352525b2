# SPDX-License-Identifier: Apache-2.0
#
# The plots of bench.sh, which sets dir, type (svg or png) and percentiles.
if (type eq 'svg') {
	set terminal svg size 800,500 background '#ffffff' font 'sans,13'
} else {
	set terminal pngcairo size 800,500 font 'sans,11'
}
set grid ytics linecolor '#dddddd'
set border 3
set tics nomirror
set rmargin 7
set errorbars linecolor rgb "black"
set key top left
blue = '#2c6fbb'
red = '#c44e52'
green = '#55a868'

# --- hello: three programs, one image
set output dir.'/hello.'.type
set title 'hello, start to exit (median, minimum to maximum)'
set ylabel 'ms, logarithmic'
set logscale y
set yrange [0.5:*]
set style fill solid 0.8 noborder
set boxwidth 0.5
unset key
set xrange [-0.6:2.6]
plot dir.'/hello.dat' using 0:2:xtic(1) with boxes linecolor rgb blue, \
	'' using 0:2:3:6 with yerrorbars linecolor rgb 'black' pointtype 0, \
	'' using 0:2:(sprintf('%.1f', $2)) with labels offset 3.5,0.6
unset logscale y
set autoscale
set key top right

# --- first touch: orders by pagers
set output dir.'/touch.'.type
set title 'first touch of a 256 MiB image: whole run (median, min to max)'
set ylabel 'ms'
set yrange [0:*]
set style data histograms
set style histogram errorbars gap 1.5 linewidth 1
set boxwidth 0.9
plot dir.'/touch.dat' using 2:3:6:xtic(1) title 'uffd' linecolor rgb blue, \
	'' using 7:8:11 title 'map' linecolor rgb green, \
	'' using 12:13:16 title 'eager' linecolor rgb red

# --- set-up against sizes
set output dir.'/setup.'.type
set title 'time to the first instruction (median, quartiles)'
set xlabel 'MiB, logarithmic'
set ylabel 'ms'
set logscale x 4
set format x '%.0f'
set xtics rotate by -30
set key bottom right
set yrange [0:*]
plot dir.'/setup-image.dat' using 1:2:4:5 with yerrorlines \
		title 'against image size (--mem 1T)' linecolor rgb blue, \
	dir.'/setup-memory.dat' using 1:2:4:5 with yerrorlines \
		title 'against --mem (1 MiB image)' linecolor rgb red
unset logscale x
set autoscale
set xtics norotate autofreq

# --- latency of single faults
set output dir.'/latency.'.type
set title 'service of a single fault, windows off: read to published'
set xlabel 'us, logarithmic'
set ylabel 'part of all faults'
set logscale x
set yrange [0:1]
set format x '%g'
set datafile separator ','
set key bottom right
do for [i = 1:words(percentiles)] {
	p = word(percentiles, i) + 0
	set arrow i from p, 0 to p, 1 nohead dashtype 2 linecolor rgb red
	set label i sprintf('p%s: %.1f us', word('50 90 99', i), p) \
		at p, 0.15 + 0.12 * i offset 0.7,0
}
plot dir.'/latency.csv' skip 1 using 1:2 with steps notitle \
	linecolor rgb blue linewidth 2
