#!/usr/bin/env bash
# The console in Chromium, against this server and a real call: signs in by the one-time link, sees the call appear, its waveform move
# while speech is sent and lie flat when paused, stops the stream, finds the ladder in the capture's order; axe in both themes; every
# other address unreachable; what the Content-Security-Policy forbids is a failure.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

modules="$root/target/npm"
[ -d "$modules/node_modules/axe-core" ] || fail "axe-core is missing in target/npm: scripts/test puts it there"
[ "$(gzip -9c "$root/console/dist/console.js" | wc -c)" -le 61440 ] || fail "the script is larger than 60 KiB"

start_server
# Half a minute of speech without a pause that a test could take for silence.
sox "$root/config/prompts/agent.wav" -r 8000 -c 1 -b 16 "$work/speech.wav" silence -l 1 0.1 0.5% -1 0.2 0.5% repeat 30 trim 0 60
MODULES=$modules LINK="$("$sidestream" console)" SIDESTREAM=$sidestream SIP=$sip KEY=$key PASSWORD=$password WORK=$work \
    timeout 100 node "$(dirname "$0")/lib/console.js" "$http" >"$work/browser.log" 2>&1 ||
    fail "$(grep -m 1 -E 'Error' "$work/browser.log" || tail -n 1 "$work/browser.log")"
