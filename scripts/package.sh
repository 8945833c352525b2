#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# package.sh PACKAGE DIR: downloads a Debian package and unpacks it in DIR,
# which must not exist; prints the package's version. Nothing is installed, and
# DIR is the caller's to remove, after a failure as well.
#
# Needs no root; only root brings apt's package lists up to date, and only if
# they do not know the package.
set -eu

die() {
	echo "package: $*" >&2
	exit 1
}

if [ $# -ne 2 ] || [ -z "$1" ] || [ -z "$2" ]; then
	echo 'usage: package.sh PACKAGE DIR' >&2
	exit 2
fi
package=$1 dir=$2

for tool in apt-get apt-cache dpkg-deb; do
	command -v "$tool" >/dev/null ||
		die "$tool is missing; $package is a package of Debian's"
done

known() {
	apt-cache show --no-all-versions "$package" 2>/dev/null | grep -q .
}

# apt-get as root hands its downloads to a user who cannot write to our
# directory; it then warns and goes on as root. Say so from the start.
sandbox=
if [ "$(id -u)" -eq 0 ]; then
	sandbox='-o APT::Sandbox::User=root'
fi

if ! known && [ "$(id -u)" -eq 0 ]; then
	apt-get update -q >&2 || die 'apt-get update failed: offline?'
fi
known || die "apt does not know the package $package: run 'apt-get update'" \
	"as root, and see that the sources name Debian 12 (bookworm)"
mkdir "$dir" || die "cannot make $dir"
# shellcheck disable=SC2086
(cd "$dir" && apt-get $sandbox -q download "$package" >&2) ||
	die "cannot download $package: offline, or package lists out of date" \
		"('apt-get update' as root mends the latter)"
set -- "$dir"/*.deb
dpkg-deb -x "$1" "$dir" || die "cannot unpack $1"
dpkg-deb -f "$1" Version
rm -f "$1"
