#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# modules.sh BUSYBOX TREE FOLDER NAME...: copies kernel modules from
# TREE/lib/modules/VERSION to FOLDER/lib/modules/VERSION, with those they depend
# on, and writes what modprobe looks them up in: modules.dep, and modules.alias,
# which names devices and file systems. What is built into the kernel is there
# without that.
set -eu
LC_ALL=C
export LC_ALL

die() {
	echo "rootfs: $*" >&2
	exit 1
}

if [ $# -lt 3 ]; then
	echo 'usage: modules.sh BUSYBOX TREE FOLDER NAME...' >&2
	exit 2
fi
busybox=$1 tree=$2 folder=$3
shift 3
version=$(cd "$tree/lib/modules" 2>/dev/null && ls)
[ -n "$version" ] || die 'the kernel package has no modules in lib/modules'
from=$tree/lib/modules/$version
to=$folder/lib/modules/$version
mkdir -p "$to"

# Its lines come in the order in which the file system has the files.
depmod() { # tree
	"$busybox" depmod -b "$1" "$version" || die 'depmod failed'
	for table in modules.dep modules.alias; do
		sort -o "$1/lib/modules/$version/$table" \
			"$1/lib/modules/$version/$table"
	done
	rm -f "$1/lib/modules/$version/modules.symbols"
}

depmod "$tree"
for name; do
	# Where its file has - its name has _ .
	file=/$(echo "$name" | sed 's/[-_]/[-_]/g')\\.ko
	line=$(grep "$file:" "$from/modules.dep") ||
		grep -q "$file\$" "$from/modules.builtin" ||
		die "the kernel $version has no module $name" \
			"(see rootfs/modules)"
	for module in $(echo "$line" | tr -d :); do
		mkdir -p "$to/${module%/*}"
		cp "$from/$module" "$to/$module"
	done
done
depmod "$folder"
