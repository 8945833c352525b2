#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# cpio.sh FOLDER: writes what is in FOLDER (files, folders and symbolic links) to
# standard output as a cpio archive that Linux takes for an initramfs:
# Documentation/driver-api/early-userspace/buffer-format.rst. The bytes follow
# from names, modes and contents alone: the order is sorted, everything is
# root's and as old as SOURCE_DATE_EPOCH says, and what differs from one file
# system to the next (inode numbers, links of a folder) is made up.
#
# It is not compressed: the kernel unpacks it once, from front to end, and an
# emulated processor takes longer to decompress it than the pager to read it.
set -eu
LC_ALL=C
export LC_ALL

if [ $# -ne 1 ] || [ ! -d "$1" ]; then
	echo 'usage: cpio.sh FOLDER' >&2
	exit 2
fi
cd "$1"
tab=$(printf '\t')

# pad BYTES: zeros up to a multiple of 4.
pad() {
	case $(($1 % 4)) in
	1) printf '\0\0\0' ;;
	2) printf '\0\0' ;;
	3) printf '\0' ;;
	esac
}

number=0
# The fields are inode, mode, user, group, links, time, size, four of device
# numbers, size of the name with its NUL, checksum.
header() { # mode size name
	number=$((number + 1))
	printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\0' \
		$number "$1" 0 0 1 "${SOURCE_DATE_EPOCH:-0}" "$2" 0 0 0 0 \
		$((${#3} + 1)) 0 "$3"
	pad $((110 + ${#3} + 1))
}

find . -mindepth 1 -printf '%P\t%y\t%m\t%s\t%l\n' | sort -t "$tab" -k 1,1 |
	{
		while IFS=$tab read -r name type mode size target; do
			case $type in
			d) header $((0040000 | 0$mode)) 0 "$name" ;;
			f)
				header $((0100000 | 0$mode)) "$size" "$name"
				cat "./$name"
				pad "$size"
				;;
			l)
				header 0120777 "${#target}" "$name"
				printf '%s' "$target"
				pad "${#target}"
				;;
			*)
				echo "cpio: $name: neither file, folder" \
					"nor symbolic link" >&2
				exit 1
				;;
			esac
		done
		header 0 0 'TRAILER!!!'
	}
