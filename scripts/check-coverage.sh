#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fails if docs/coverage.md names a test or a file that is not there. A test is
# what stands in backquotes in a table's last column; a file is anything in
# backquotes with a slash.
set -eu
cd "$(dirname "$0")/.."

doc=docs/coverage.md
fail=0
known=$(mktemp)
trap 'rm -f "$known"' EXIT
grep -rhoE 'START_TEST\([A-Za-z0-9_]+\)' tests | sed 's/START_TEST(//; s/)//' | sort -u >"$known"

# shellcheck disable=SC2016 # backquotes are the text's own
for test in $(grep '^|' "$doc" | sed -nE 's/.*\|([^|]*)\|$/\1/p' |
	grep -oE '`[a-z][a-z0-9_]+`' | tr -d '`' | sort -u); do
	if ! grep -qx "$test" "$known"; then
		echo "$doc: there is no test $test" >&2
		fail=1
	fi
done
# A row without a test, but for a table's head.
# shellcheck disable=SC2016
if grep '^|' "$doc" | grep -vE '^\| ?(behaviour|system) ?\||^\|[-|]*$' | grep -vE '`[a-z][a-z0-9_]+`[^|`]*\|$'; then
	echo "$doc: the rows above name no test" >&2
	fail=1
fi
# shellcheck disable=SC2016
for file in $(grep -oE '`[a-z]+/[A-Za-z0-9_./-]+`' "$doc" | tr -d '`' | sort -u); do
	if ! [ -e "$file" ]; then
		echo "$doc: there is no file $file" >&2
		fail=1
	fi
done
exit $fail
