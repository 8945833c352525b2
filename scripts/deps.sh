#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# deps.sh [--check] [run|check|bench|dev]: installs the packages that the make
# target of that name needs. No name means "check", which is also all that
# "run" needs (QEMU is for machines without KVM). "bench" adds what benchmarks
# use, "dev" adds fuzzing and linting.
#
# Does nothing, and calls no apt-get, when everything is there. With --check it
# never installs: it names what is missing and exits 1.
set -eu

base='gcc make libc6-dev linux-libc-dev pkg-config libelf-dev zlib1g-dev'
base="$base libseccomp-dev libcjson-dev nettle-dev"
base="$base check gzip clang-format mandoc acpica-tools qemu-system-x86 xz-utils"
base="$base e2fsprogs gdb zstd lz4 bzip2 lzop busybox-static cpio binutils kmod strace"
base="$base iproute2 passt"
bench='gnuplot-nox'
dev='clang shellcheck'

say() { echo "deps: $*"; }
die() {
	echo "deps: $*" >&2
	exit 1
}
usage() {
	echo 'usage: deps.sh [--check] [run|check|bench|dev]' >&2
	exit 2
}

only_check=false
group=
for arg; do
	case $arg in
	--check) only_check=true ;;
	run | check | bench | dev)
		[ -z "$group" ] || usage
		group=$arg
		;;
	*) usage ;;
	esac
done

case $group in
bench) wanted="$base $bench" ;;
dev) wanted="$base $bench $dev" ;;
*) wanted=$base ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	die "this is no apt system, and only apt is known here." \
		"Install what corresponds to these Debian packages," \
		"then leave out 'make deps': $wanted"
fi

# Names of installed packages, and of what they provide (pkg-config is another
# package's on newer systems), one per line.
installed=$(dpkg-query -W \
	-f='${db:Status-Status} ${Package} ${Provides}\n' |
	sed -n 's/([^)]*)//g; s/^installed //p' | tr -s ', ' '[\n*]')

missing=
for package in $wanted; do
	case "
$installed
" in
	*"
$package
"*) ;;
	*) missing="$missing $package" ;;
	esac
done
missing=${missing# }

if [ -z "$missing" ]; then
	exit 0
fi
if $only_check; then
	die "missing: $missing"
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null ||
		die "not root and no sudo; as root: apt-get install $missing"
	as_root=sudo
fi

say "installing: $missing"
# sudo resets the environment, so the variable goes behind it.
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q ||
	die "apt-get update failed; still missing: $missing"
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
	--no-install-recommends $missing ||
	die "apt-get install failed; still missing: $missing"
