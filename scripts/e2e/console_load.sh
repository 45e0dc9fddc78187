#!/usr/bin/env bash
# A thousand live calls in the console: the table draws only what is seen, scrolls and filters without a pause that is felt, and a call that
# ends is gone at once.
# Runs alone: it judges how long frames take.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

modules="$root/target/npm"
calls=1000
media_ports=$((calls * 4 + 40))
ulimit -n "$(ulimit -Hn)"
configure
serve
sipp_timeout=120
sipp_start load uac_silent -p "$uac_port" -s 9196 -m "$calls" -r 200 -l "$calls" -d 40000
LINK="$("$sidestream" console)" MODULES=$modules SIDESTREAM=$sidestream SIP=$sip KEY=$key PASSWORD=$password CALLS=$calls \
    timeout 60 node "$helpers/console_load.js" "$http" >"$work/browser.log" 2>&1 ||
    fail "$(grep -m 1 -E 'Error' "$work/browser.log" || tail -n 1 "$work/browser.log")"
say "$(cat "$work/browser.log")"
