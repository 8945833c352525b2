#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kernels.sh DIR: puts third-party multiboot2 kernels into DIR for the
# end-to-end tests: tboot.elf, xen.elf, and VERSIONS with a line "file package
# version" for each. They come out of Debian packages that are downloaded and
# unpacked, never installed. docs/kernels.md says what they are.
#
# Does nothing when all three files are there. Needs no root; only root brings
# apt's package lists up to date, and only if they do not know a package.
set -eu

# file, package, path in the package
kernels='tboot.elf tboot boot/tboot.gz
xen.elf xen-hypervisor-4.17-amd64 boot/xen-4.17-amd64.gz'

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

# VERSIONS is moved into place last: with it, the others are complete.
if [ -s "$dir/VERSIONS" ] && [ -s "$dir/tboot.elf" ] && [ -s "$dir/xen.elf" ]
then
	exit 0
fi

for tool in apt-get apt-cache dpkg-deb gunzip; do
	command -v "$tool" >/dev/null ||
		die "$tool is missing; the kernels come out of Debian packages"
done

mkdir -p "$dir" || die "cannot make $dir"
dir=$(cd "$dir" && pwd)
# Inside DIR, so that mv is a rename.
tmp=$(mktemp -d "$dir/.kernels.XXXXXX") || die "cannot write to $dir"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

known() {
	apt-cache show --no-all-versions "$1" >"$tmp/show" 2>/dev/null &&
		[ -s "$tmp/show" ]
}

# apt-get as root hands its downloads to a user who cannot write to our
# directory; it then warns and goes on as root. Say so from the start.
sandbox=
if [ "$(id -u)" -eq 0 ]; then
	sandbox='-o APT::Sandbox::User=root'
fi

fetch() { # file package path
	if ! known "$2" && [ "$(id -u)" -eq 0 ]; then
		apt-get update -q >&2 || die 'apt-get update failed: offline?'
	fi
	known "$2" || die "apt does not know the package $2: run" \
		"'apt-get update' as root, and see that the sources name" \
		"Debian 12 (bookworm)"
	mkdir "$tmp/$2"
	# shellcheck disable=SC2086
	(cd "$tmp/$2" && apt-get $sandbox -q download "$2" >&2) ||
		die "cannot download $2: offline, or package lists out of" \
			"date ('apt-get update' as root mends the latter)"
	set -- "$@" "$tmp/$2"/*.deb
	dpkg-deb -x "$4" "$tmp/$2/root" || die "cannot unpack $4"
	gunzip -c "$tmp/$2/root/$3" >"$tmp/$1" || die "$2 has no usable $3"
	[ "$(dd if="$tmp/$1" bs=1 skip=1 count=3 2>/dev/null)" = ELF ] ||
		die "$3 of $2 is not an ELF file"
	echo "$1 $2 $(dpkg-deb -f "$4" Version)" >>"$tmp/VERSIONS"
}

while read -r file package path; do
	fetch "$file" "$package" "$path" </dev/null
done <<EOF
$kernels
EOF

mv -f "$tmp/tboot.elf" "$tmp/xen.elf" "$dir"
mv -f "$tmp/VERSIONS" "$dir"
