#!/usr/bin/env bash
# The systemd unit: systemd reads every line of it, its exposure stays low, and the command that it runs is one of ours.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
command -v systemd-analyze >/dev/null || fail "systemd-analyze is missing: the Debian package systemd has it"
unit="$root/deploy/systemd/sidestream.service"
sed "s#/usr/bin/sidestream#$sidestream#" "$unit" >"$work/sidestream.service"
systemd-analyze verify --man=no "$work/sidestream.service" >"$work/verify.log" 2>&1 || fail "$(head -n 1 "$work/verify.log")"
[ ! -s "$work/verify.log" ] || fail "$(head -n 1 "$work/verify.log")"
# In tenths: 15 is 1.5 of 10.
systemd-analyze security --offline=true --threshold=15 --no-pager "$work/sidestream.service" >"$work/security.log" 2>&1 ||
    fail "more exposed than 1.5: $(tail -n 1 "$work/security.log")"
options="$(sed -nE 's#^ExecStart=/usr/bin/sidestream serve ##p' "$unit" | grep -oE -- '--[a-z-]+')"
[ -n "$options" ] || fail "no command in the unit"
for option in $options; do
    "$sidestream" serve --help | grep -q -- "$option " || fail "serve knows no $option"
done
