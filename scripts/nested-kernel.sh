#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nested-kernel.sh DIR: puts Debian's stock kernel into DIR, for scripts/with-kvm:
#
#	vmlinux		the kernel, uncompressed: QEMU enters it by PVH, and
#			nothing unpacks itself on an emulated processor
#	base.cpio	initramfs without /init: busybox, and the modules named
#			below with those they need, for modprobe
#	busybox		the same busybox
#	VERSION		package and version of both; comes last
#	KEY		what is in base.cpio
#
# Does nothing when DIR is complete. Everything comes out of Debian packages
# (scripts/package.sh); nothing is installed.
set -eu
LC_ALL=C
export LC_ALL

# Those that nested-init loads, and those that the kernel asks for when somebody
# opens a device or adds a network interface.
modules='virtio_pci virtio_console 9pnet_virtio 9p overlay kvm-amd'
modules="$modules tun dummy veth loop virtio_balloon"

die() {
	echo "nested-kernel: $*" >&2
	exit 1
}

if [ $# -ne 1 ] || [ -z "$1" ]; then
	echo 'usage: nested-kernel.sh DIR' >&2
	exit 2
fi
case $1 in
/*) dir=$1 ;;
*) dir=./$1 ;;
esac
scripts=$(dirname "$0")

# Of what makes base.cpio another: raise the number when the rest of it changes.
key="1 $modules"
is_complete() {
	[ -s "$dir/VERSION" ] && [ "$(cat "$dir/KEY")" = "$key" ]
}
if is_complete; then
	exit 0
fi

mkdir -p "$dir" || die "cannot make $dir"
dir=$(cd "$dir" && pwd)
# One at a time: who waited finds it complete.
exec 9<"$dir" || die "cannot open $dir"
flock 9 || die "cannot lock $dir"
if is_complete; then
	exit 0
fi
# Inside DIR, so that mv is a rename.
tmp=$(mktemp -d "$dir/.kernel.XXXXXX") || die "cannot write to $dir"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# linux-image-amd64 is the name that stays; it depends on the kernel of the day.
kernel_package() {
	apt-cache depends linux-image-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\).*/\1/p'
}

unpack() { # package folder
	"$scripts/package.sh" "$1" "$tmp/$2" >"$tmp/version" 2>"$tmp/log" || {
		cat "$tmp/log" >&2
		die "no $1"
	}
}

# add MODULE: with those it depends on. A module spells _ in its dependencies what
# may be - in its file's name.
add() {
	file=$(file_of "$1")
	[ -f "$file" ] || die "$package has no module $1"
	cp "$file" "$folder"
	for dependency in $(needs "$file"); do
		add "$dependency"
	done
}
file_of() {
	find "$tmp/linux/lib/modules" -name "$(echo "$1" | tr _ '?').ko"
}
needs() {
	tr '\0' '\n' <"$1" | sed -n 's/^depends=//p' | tr , ' '
}

package=$(kernel_package)
if [ -z "$package" ] && [ "$(id -u)" -eq 0 ] && apt-get update -q >&2; then
	package=$(kernel_package)
fi
[ -n "$package" ] || die "apt does not know the package linux-image-amd64: run" \
	"'apt-get update' as root, and see that the sources name Debian 12"
echo "nested-kernel: fetching $package, about 70 MB, once" >&2
unpack "$package" linux
version=$(cat "$tmp/version")
unpack busybox-static busybox
busybox=$tmp/busybox/bin/busybox
"$scripts/vmlinux" "$tmp/linux/boot/vmlinuz-${package#linux-image-}" \
	"$tmp/vmlinux" || die 'no kernel'

folder=$tmp/root/lib/modules/${package#linux-image-}
mkdir -p "$tmp/root/bin" "$tmp/root/sbin" "$folder"
cp "$busybox" "$tmp/root/bin"
ln -s /bin/busybox "$tmp/root/sbin/modprobe"
for module in $modules; do
	add "$module"
done
"$busybox" depmod -b "$tmp/root" "${package#linux-image-}" ||
	die 'cannot index the modules'
(cd "$tmp/root" && find . | sort | "$busybox" cpio -o -H newc) \
	>"$tmp/base.cpio" 2>/dev/null || die 'cannot write base.cpio'

rm -f "$dir/VERSION"
mv -f "$tmp/vmlinux" "$tmp/base.cpio" "$busybox" "$dir"
echo "$key" >"$dir/KEY"
echo "$package $version" >"$tmp/VERSION"
mv -f "$tmp/VERSION" "$dir"
