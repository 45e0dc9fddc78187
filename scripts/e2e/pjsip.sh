#!/usr/bin/env bash
# A phone whose SIP is pjsip (jamid) registers with digest, is called, talks, hangs up and unregisters.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

# told STEP: for wait_for, whether the phone has come so far.
told() { grep -qx "$1" "$work/steps"; }
step() { wait_for 40 told "$1" || fail "pjsip is not $1: $(tail -n 1 "$work/steps")"; }

trusted=no
configure
serve
sox -n -b 16 -r 8000 -c 1 "$work/tone.wav" synth 2 sine 440 vol 0.5
mkdir "$work/jami"
dbus-run-session -- bash "$helpers/jami.sh" "$work/jami" "$sip" 1001 "$password" "$(free_port)" >"$work/steps" 2>"$work/jami.log" &
started+=("$!")
step registered
started+=("$(cat "$work/jami/pid")" "$(cat "$work/jami/bus.pid")")
wait_for 5 metric_is sidestream_switch_registrations 1 || fail "the phone is not counted as registered"
"$sidestream" call 1001 --server "$sip" --user 1000 --password "$password" --play "$work/tone.wav" --duration 20 --json >"$work/call.json" 2>&1 &
caller=$!
started+=("$caller")
step talking
wait "$caller" || fail "the caller: $(cat "$work/call.json")"
check heard 20 <"$work/call.json"
check_calls two_way 100
step unregistered
wait_for 5 metric_is sidestream_switch_registrations 0 || fail "the phone is still registered"
expect_empty
