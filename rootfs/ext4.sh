#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# ext4.sh FOLDER IMAGE: makes IMAGE, an ext4 file system with what is in FOLDER
# (files, folders and symbolic links), an eighth of free blocks and
# ROOTFS_FREE MiB (16). Needs e2fsprogs, but no privilege.
#
# The bytes follow from names, modes, contents and the edition of e2fsprogs
# alone. `mke2fs -d` would keep the order, owners and times of the files that it
# finds, so the file system is made empty and filled by debugfs: in sorted order,
# everything root's and as old as SOURCE_DATE_EPOCH says.
set -eu
LC_ALL=C
# The user's or the machine's ideas of an ext4 are not ours.
MKE2FS_CONFIG=/dev/null
E2FSPROGS_FAKE_TIME=${SOURCE_DATE_EPOCH:-0}
PATH=$PATH:/sbin:/usr/sbin
export LC_ALL MKE2FS_CONFIG E2FSPROGS_FAKE_TIME PATH

uuid=fa171e00-0000-4000-8000-000000000001
features=none,has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg
features=$features,sparse_super,large_file,huge_file,dir_nlink,extra_isize
features=$features,metadata_csum

die() {
	echo "ext4: $*" >&2
	exit 1
}

if [ $# -ne 2 ] || [ ! -d "$1" ]; then
	echo 'usage: ext4.sh FOLDER IMAGE' >&2
	exit 2
fi
for tool in mke2fs debugfs e2fsck; do
	command -v $tool >/dev/null || die "$tool is missing: Debian has it in" \
		"the package e2fsprogs, 'make deps' installs it"
done
case $2 in
/*) image=$2 ;;
*) image=$PWD/$2 ;;
esac
cd "$1"
new=$image.new commands=$image.commands log=$image.log
trap 'rm -f "$new" "$commands" "$log"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Sorted, a folder comes before what is in it.
list() {
	find . -mindepth 1 -printf "$1" | sort
}

odd=$(list '%y %p\n' | grep -v '^[dfl] [^"]*$' | head -n 1)
[ -z "$odd" ] || die "${odd#* }: neither file, folder nor symbolic link, or its" \
	'name has a quotation mark or a line break in it'

# A block for each folder and symbolic link, an inode for each.
size=$(list '%y %s\n' | awk -v free="${ROOTFS_FREE:-16}" '
	{ blocks += $1 == "f" ? int(($2 + 4095) / 4096) : 1; inodes++ }
	END {
		mib = int(blocks / 256 * 9 / 8) + 1 + free + 4 # 4: journal
		print mib "M", inodes + 4096
	}')
rm -f "$new"
mke2fs -q -F -b 4096 -I 256 -N "${size#* }" -O "$features" -m 0 -J size=4 \
	-U "$uuid" -L faultline \
	-E "hash_seed=$uuid,root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0" \
	"$new" "${size% *}" >"$log" 2>&1 || die "$(cat "$log")"

# debugfs makes names in its current folder.
list '/%P\t%y\t%m\t%l\n' | awk -F '\t' '
	{
		folder = name = $1
		sub("/[^/]*$", "", folder)
		sub(".*/", "", name)
		if (folder != current)
			printf "cd \"%s/\"\n", folder
		current = folder
	}
	$2 == "d" {
		printf "mkdir \"%s\"\n", name
		printf "sif \"%s\" mode 04%04d\n", name, $3
	}
	$2 == "f" { printf "write \".%s\" \"%s\"\n", $1, name }
	$2 == "l" { printf "symlink \"%s\" \"%s\"\n", name, $4 }
' >"$commands"
# It says what went wrong, but not by its status.
debugfs -w -f "$commands" "$new" 2>&1 >/dev/null |
	sed '/^debugfs [0-9]/d' >"$log"
[ ! -s "$log" ] || die "debugfs: $(head -n 1 "$log")"
e2fsck -fn "$new" >"$log" 2>&1 || die "the file system is not sound:
$(cat "$log")"
mv -f "$new" "$image"
