#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# build.sh DIR CACHE OUTB [KERNEL]: makes in DIR, out of Debian packages and of what
# lies beside this script:
#
#	vmlinux		the kernel of the package KERNEL (linux-image-cloud-amd64)
#	initramfs.cpio	busybox, the kernel's modules that `modules` names, the
#			program OUTB (outb.c), and `initramfs/`
#	rootfs.img	ext4: the packages that `packages` names, and `image/`
#	VERSIONS	the packages with their versions; comes last
#
# It needs no privilege, and the same packages make the same bytes, wherever and
# whenever. Downloads stay in CACHE.
set -eu
LC_ALL=C
# 2026-01-01, unless somebody says otherwise.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600}
export LC_ALL SOURCE_DATE_EPOCH
umask 022

die() {
	echo "rootfs: $*" >&2
	exit 1
}

if [ $# -lt 3 ] || [ $# -gt 4 ]; then
	echo 'usage: build.sh DIR CACHE OUTB [KERNEL]' >&2
	exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" "$2" || die "cannot make $1 and $2"
dir=$(cd "$1" && pwd)
cache=$(cd "$2" && pwd)
outb=$(realpath "$3")
kernel=${4:-linux-image-cloud-amd64}

# One at a time. What is made is made inside DIR, so that mv is a rename.
exec 9<"$dir"
flock 9 || die "cannot lock $dir"
tmp=$(mktemp -d "$dir/.rootfs.XXXXXX") || die "cannot write to $dir"
# Packages have folders that only root may write to.
trap 'chmod -R u+rwX "$tmp"; rm -rf "$tmp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

words() { # file
	sed 's/#.*//' "$here/$1"
}

# unpack DEB FOLDER: tar follows bin, lib and sbin, which are links to usr's.
unpack() {
	dpkg-deb --fsys-tarfile "$1" >"$tmp/tar" || die "cannot unpack $1"
	tar -C "$2" -xpf "$tmp/tar" --no-same-owner --keep-directory-symlink \
		--exclude='./usr/share/man' --exclude='./usr/share/info' \
		--exclude='./usr/share/locale' --exclude='./usr/share/lintian' ||
		die "cannot unpack $1"
	rm "$tmp/tar"
}

# overlay NAME FOLDER: what this folder's NAME has, with modes that are not the
# checkout's.
overlay() {
	mkdir -p "$tmp/overlay"
	cp -R "$here/$1/." "$tmp/overlay"
	chmod -R u=rwX,go=rX "$tmp/overlay"
	cp -R "$tmp/overlay/." "$2"
	rm -rf "$tmp/overlay"
}

# applets FOLDER: busybox's programs, where no package has brought its own.
applets() {
	"$busybox" --list | while read -r name; do
		for place in bin sbin usr/bin usr/sbin; do
			if [ -e "$1/$place/$name" ] ||
				[ -h "$1/$place/$name" ]; then
				continue 2
			fi
		done
		ln -s /bin/busybox "$1/bin/$name"
	done
	for name in init modprobe; do # the kernel looks for them there
		[ -e "$1/sbin/$name" ] || ln -s /bin/busybox "$1/sbin/$name"
	done
}

# shellcheck disable=SC2046
"$here/debs.sh" "$cache" "$kernel" $(words packages) >"$tmp/debs" || exit 1
echo 'rootfs: building' >&2

# --- the kernel

mkdir "$tmp/kernel" "$tmp/initramfs" "$tmp/image"
{
	read -r kernel_deb
	unpack "$kernel_deb" "$tmp/kernel"
} <"$tmp/debs"
set -- "$tmp"/kernel/boot/vmlinuz-*
[ -f "$1" ] || die "$kernel_deb has no boot/vmlinuz-VERSION"
"$here/../scripts/vmlinux" "$1" "$tmp/vmlinux"

# --- the image's packages

for name in bin lib lib64 sbin; do
	mkdir -p "$tmp/image/usr/$name"
	ln -s usr/$name "$tmp/image/$name"
done
sed 1d "$tmp/debs" | while read -r deb; do
	unpack "$deb" "$tmp/image"
done
find "$tmp/image/usr/share/doc" ! -type d ! -name copyright -exec rm {} +
busybox=$tmp/image/bin/busybox

# --- both trees

mkdir "$tmp/initramfs/bin" "$tmp/initramfs/sbin"
cp "$busybox" "$tmp/initramfs/bin"
cp "$outb" "$tmp/initramfs/sbin/outb"
for folder in initramfs image; do
	overlay common "$tmp/$folder"
	overlay $folder "$tmp/$folder"
	applets "$tmp/$folder"
	# shellcheck disable=SC2046
	"$here/modules.sh" "$busybox" "$tmp/kernel" "$tmp/$folder" \
		$(words modules)
done
chmod 600 "$tmp/image/etc/shadow"
# No checkout has empty folders; ifup insists on these.
for stage in pre-up up down post-down; do
	mkdir "$tmp/image/etc/network/if-$stage.d"
done

# --- the files

"$here/cpio.sh" "$tmp/initramfs" >"$tmp/initramfs.cpio"
"$here/ext4.sh" "$tmp/image" "$tmp/rootfs.img"
while read -r deb; do
	# shellcheck disable=SC2016 # dpkg-deb's own variables
	dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb"
done <"$tmp/debs" >"$tmp/VERSIONS"

rm -f "$dir/VERSIONS"
mv -f "$tmp/vmlinux" "$tmp/initramfs.cpio" "$tmp/rootfs.img" "$dir"
mv -f "$tmp/VERSIONS" "$dir"
