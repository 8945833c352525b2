#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kernels.sh DIR: puts third-party multiboot2 kernels into DIR for the
# end-to-end tests: tboot.elf, xen.elf, and VERSIONS with a line "file package
# version" for each. They come out of Debian packages (scripts/package.sh).
# docs/kernels.md says what they are. Does nothing when all three files are there.
set -eu

# file, package, path in the package
kernels='tboot.elf tboot boot/tboot.gz
xen.elf xen-hypervisor-4.17-amd64 boot/xen-4.17-amd64.gz'

package_sh=$(dirname "$0")/package.sh

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

command -v gunzip >/dev/null ||
	die 'gunzip is missing; the kernels are compressed'

mkdir -p "$dir" || die "cannot make $dir"
dir=$(cd "$dir" && pwd)
# Inside DIR, so that mv is a rename.
tmp=$(mktemp -d "$dir/.kernels.XXXXXX") || die "cannot write to $dir"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fetch() { # file package path
	version=$("$package_sh" "$2" "$tmp/$2") || die "no $1"
	gunzip -c "$tmp/$2/$3" >"$tmp/$1" || die "$2 has no usable $3"
	[ "$(dd if="$tmp/$1" bs=1 skip=1 count=3 2>/dev/null)" = ELF ] ||
		die "$3 of $2 is not an ELF file"
	echo "$1 $2 $version" >>"$tmp/VERSIONS"
}

while read -r file package path; do
	fetch "$file" "$package" "$path" </dev/null
done <<EOF
$kernels
EOF

mv -f "$tmp/tboot.elf" "$tmp/xen.elf" "$dir"
mv -f "$tmp/VERSIONS" "$dir"
