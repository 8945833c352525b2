#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kernels.sh DIR: puts third-party kernels, and two of Linux's modules, into DIR
# for the end-to-end tests, and VERSIONS with a line "file package version" for
# each. They come out of Debian packages (scripts/package.sh). docs/kernels.md says what they are. Does nothing
# for files that are there.
#
# DIR/modules is a file tree with the modules of linux.elf that a machine of
# virtio devices wants, lib/modules/RELEASE/modules.dep among them, and DIR/busybox
# a user space for it.
set -eu

# file, package, path in the package. A .gz is unpacked, and of a .elf whose
# path is a vmlinuz the ELF kernel is taken out.
kernels='tboot.elf tboot boot/tboot.gz
xen.elf xen-hypervisor-4.17-amd64 boot/xen-4.17-amd64.gz
gnumach.elf gnumach-image-1.8-486 boot/gnumach-1.8-486.gz
grub-pvh.elf grub-xen-host usr/lib/grub-xen/grub-i386-xen_pvh.bin
u-boot-32.elf u-boot-qemu usr/lib/u-boot/qemu-x86/uboot.elf
memtest.bin memtest86+ boot/memtest86+x64.bin
vmlinuz linux-image-cloud-amd64 boot/vmlinuz-*
linux.elf linux-image-cloud-amd64 boot/vmlinuz-*
modules linux-image-cloud-amd64 lib/modules/*
busybox busybox-static bin/busybox
pvpanic.ko linux-image-cloud-amd64 lib/modules/*/kernel/drivers/misc/pvpanic/pvpanic.ko
pvpanic-mmio.ko linux-image-cloud-amd64 lib/modules/*/kernel/drivers/misc/pvpanic/pvpanic-mmio.ko'
modules='virtio_mmio virtio_blk virtio_net virtio_console virtio_balloon
	virtio-rng'

scripts=$(dirname "$0")

die() {
	echo "kernels: $*" >&2
	exit 1
}

if [ $# -ne 1 ] || [ -z "$1" ]; then
	echo 'usage: kernels.sh DIR' >&2
	exit 2
fi
case $1 in
/*) dir=$1 ;;
*) dir=./$1 ;;
esac

command -v gunzip >/dev/null ||
	die 'gunzip is missing; the kernels are compressed'
# Not in everybody's path.
PATH=$PATH:/usr/sbin:/sbin
command -v depmod >/dev/null || die 'depmod is missing: install kmod'

mkdir -p "$dir" || die "cannot make $dir"
dir=$(cd "$dir" && pwd)
# Inside DIR, so that mv is a rename.
tmp=$(mktemp -d "$dir/.kernels.XXXXXX") || die "cannot write to $dir"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# VERSIONS gets a file's line after the file.
have() { # file
	[ -s "$dir/$1" ] && grep -q "^$1 " "$dir/VERSIONS" 2>/dev/null || return 1
	case $1 in
	modules) [ "$(cat "$dir/modules/NAMES")" = "$modules" ] ;;
	linux.elf) have modules ;; # of the same package
	esac
}

# The kernel of the day's package has a name that changes; another depends on
# it.
real() { # package
	case $1 in
	linux-image-*)
		apt-cache depends "$1" 2>/dev/null |
			sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\).*/\1/p'
		;;
	*) echo "$1" ;;
	esac
}

unpack() { # package: into $tmp/package
	[ ! -d "$tmp/$1" ] || return 0
	package=$(real "$1")
	if [ -z "$package" ] && [ "$(id -u)" -eq 0 ]; then
		apt-get update -q >&2 || die 'apt-get update failed: offline?'
		package=$(real "$1")
	fi
	[ -n "$package" ] || die "apt does not know the package $1: run" \
		"'apt-get update' as root, and see that the sources name" \
		"Debian 12 (bookworm)"
	"$scripts/package.sh" "$package" "$tmp/$1" >"$tmp/version" ||
		die "no $1"
	mv "$tmp/version" "$tmp/$1/VERSION"
}

# Takes $modules with those they need out of a kernel's.
pick() { # lib/modules/RELEASE, a folder
	release=${1##*/}
	to=$2/lib/modules/$release
	depmod -b "${1%/lib/modules/*}" "$release" || die 'depmod failed'
	mkdir -p "$to"
	cp "$1"/modules.order "$1"/modules.builtin* "$to"
	for module in $modules; do
		line=$(grep "/$module\.ko:" "$1/modules.dep") ||
			die "$release has no module $module"
		for file in ${line%%:*} ${line#*:}; do
			mkdir -p "$to/${file%/*}"
			cp "$1/$file" "$to/$file"
		done
	done
	depmod -b "$2" "$release" || die 'depmod failed'
	echo "$modules" >"$2/NAMES"
}

fetch() { # file package path
	unpack "$2"
	# shellcheck disable=SC2086
	set -- "$1" "$2" "$tmp/$2/"$3
	[ -s "$3" ] || die "$2 has no ${3#"$tmp/$2/"}"
	case $1:$3 in
	modules:*) pick "$3" "$tmp/modules" ;;
	*:*.gz) gunzip -c "$3" >"$tmp/$1" || die "$3: not to be unpacked" ;;
	*.elf:*/vmlinuz-*) "$scripts/vmlinux" "$3" "$tmp/$1" || exit 1 ;;
	*) cp "$3" "$tmp/$1" ;;
	esac
	case $1:$([ -d "$tmp/$1" ] || dd if="$tmp/$1" bs=1 skip=1 count=3 2>/dev/null) in
	*.elf:ELF) ;;
	*.elf:*) die "$3 of $2 is not an ELF file" ;;
	esac
	rm -rf "${dir:?}/$1"
	mv -f "$tmp/$1" "$dir"
	if [ -f "$dir/VERSIONS" ]; then
		sed "/^$1 /d" "$dir/VERSIONS" >"$tmp/VERSIONS"
	fi
	echo "$1 $2 $(cat "$tmp/$2/VERSION")" >>"$tmp/VERSIONS"
	mv -f "$tmp/VERSIONS" "$dir"
}

while read -r file package path; do
	have "$file" || fetch "$file" "$package" "$path" </dev/null
done <<EOF
$kernels
EOF
