#!/usr/bin/env bash
# A call over TCP, a call over IPv6 (UDP and TCP), and one from IPv6 to a called party on IPv4: signalling and media.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

sip_port=$(free_port)
listen="\"udp:127.0.0.1:$sip_port\", \"tcp:127.0.0.1:$sip_port\", \"udp:[::1]:$sip_port\", \"tcp:[::1]:$sip_port\""
media_more='addresses = ["127.0.0.1", "::1"]'
speech
sox -n -r 8000 -c 1 "$work/tone.wav" synth 2 sine 440 vol 0.5
configure
serve

answer_with uas
call_from tcp uac -t t1 -s 7001 -d 2000
answered
check_calls relayed 80

for how in "" --tcp; do
    "$sidestream" call 9196 --server "[::1]:$sip_port" $how --play "$work/tone.wav" --json >"$work/six.json" 2>&1 || fail "IPv6 $how: $(cat "$work/six.json")"
    check heard <"$work/six.json"
done

answer_with uas
"$sidestream" call 7001 --server "[::1]:$sip_port" --play "$work/tone.wav" --json >"$work/bridge.json" 2>&1 || fail "IPv6 to IPv4: $(cat "$work/bridge.json")"
answered
check heard <"$work/bridge.json"
check_calls relayed 80
expect_empty
