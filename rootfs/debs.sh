#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# debs.sh DIR KERNEL PACKAGE...: downloads into DIR the packages and all that they
# depend on, and the package KERNEL without that, and prints the files' names,
# sorted, the kernel's first. What is in DIR already is not downloaded again.
# KERNEL may be a file (one with a slash in its name), too.
#
# apt does the choosing, the downloading and the checking, for a system on which
# nothing is installed yet. It needs no privilege; only root brings the package
# lists up to date, and only if they do not do.
set -eu
LC_ALL=C
export LC_ALL

die() {
	echo "rootfs: $*" >&2
	exit 1
}

if [ $# -lt 3 ]; then
	echo 'usage: debs.sh DIR KERNEL PACKAGE...' >&2
	exit 2
fi
for tool in apt-get apt-cache dpkg-deb; do
	command -v $tool >/dev/null ||
		die "$tool is missing: what goes into the file system are" \
			"Debian's packages"
done
mkdir -p "$1" || die "cannot make $1"
dir=$(cd "$1" && pwd)
kernel=$2
shift 2
exec 8<"$dir"
flock 8 || die "cannot lock $dir"
tmp=$(mktemp -d "$dir/.apt.XXXXXX") || die "cannot write to $dir"
# apt's folder for what has not come completely is its user's alone.
trap 'rm -rf "$tmp" "$dir/partial"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
: >"$tmp/status"
mkdir -p "$dir/partial"

# apt-get as root would hand its downloads to a user who cannot write here.
apt() {
	apt-get -q -o APT::Sandbox::User=root -o Debug::NoLocking=1 \
		-o Dir::State::status="$tmp/status" \
		-o Dir::Cache::archives="$dir/" "$@"
}

# The kernel of the day's package has a name that changes; another depends on it.
real_kernel() {
	real=$(apt-cache depends "$kernel" 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\).*/\1/p' |
		head -n 1)
	echo "${real:-$kernel}"
}
version_of() { # package
	apt-cache show --no-all-versions "$1" 2>/dev/null |
		sed -n 's/^Version: //p'
}

# As apt names its files: the colon of a version is %3a.
choose() {
	apt -s --no-install-recommends install "$@" >"$tmp/chosen" \
		2>"$tmp/log" || return 1
	sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*\[\([^] ]*\)\]).*/\1_\2_\3.deb/p' \
		"$tmp/chosen" | sed 's/:/%3a/' | sort >"$tmp/files"
	case $kernel in
	*/*) ;;
	*)
		name=$(real_kernel)
		version=$(version_of "$name")
		[ -n "$version" ] || {
			echo "E: no package $kernel" >"$tmp/log"
			return 1
		}
		kernel_file=$(echo "${name}_${version}" | sed 's/:/%3a/')
		kernel_file=${kernel_file}_$(dpkg --print-architecture).deb
		;;
	esac
}
present() {
	while read -r file; do
		[ -s "$dir/$file" ] || return 1
	done <"$tmp/files"
	case $kernel in
	*/*) ;;
	*) [ -s "$dir/$kernel_file" ] ;;
	esac
}
# apt-get leaves nothing under a package's name that it has not checked.
download() {
	apt -y --no-install-recommends --download-only install "$@" \
		>"$tmp/log" 2>&1 || return 1
	case $kernel in
	*/*) ;;
	*)
		(cd "$tmp" && apt download "$name" >"$tmp/log" 2>&1 &&
			mv -f "$tmp/${name}"_*.deb "$dir/$kernel_file")
		;;
	esac
}
mend() { # of out-of-date lists
	[ "$(id -u)" -eq 0 ] && apt-get update -q >/dev/null 2>&1
}
why() {
	sed -n 's/^E: //p' "$tmp/log" | head -n 1
}

case $kernel in
*/*) [ -s "$kernel" ] || die "KERNEL_PACKAGE=$kernel: no such file" ;;
esac
choose "$@" || { mend && choose "$@"; } ||
	die "apt does not know a package: $(why). Run 'apt-get update' as root," \
		"and see that the sources name Debian 12 (bookworm)"
if ! present; then
	echo "rootfs: fetching Debian packages into $dir, once" >&2
	download "$@" || { mend && choose "$@" && download "$@"; } ||
		die "cannot download: $(why). Offline, or package lists out of" \
			"date ('apt-get update' as root mends the latter)"
fi
case $kernel in
*/*) echo "$kernel" ;;
*) echo "$dir/$kernel_file" ;;
esac
sed "s|^|$dir/|" "$tmp/files"
