#!/usr/bin/env bash
# The flow demo over real SIP: keys as RTP events start a stream and stop it, the sink gets what was said between the two and nothing after,
# 9 hangs up.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

sox -n -b 16 -r 8000 -c 1 "$work/tone.wav" synth 14 sine 440 vol 0.3
configure <(streaming "wav=$work/wav")
serve

# 1 after the menu has begun, 3 s of tone, 2, and 9.
"$sidestream" call 5000 --server "$sip" --user 1000 --password "$password" --play "$work/tone.wav" --record "$work/heard.wav" --duration 12 --json \
    --dtmf 1500ms,1,3500ms,2,2000ms,9 >"$work/call.json" 2>&1 || fail "the call failed: $(cat "$work/call.json")"
python3 - "$work/call.json" <<'PY' || fail "the flow did not hang up after 9"
import json, sys
outcome = json.load(open(sys.argv[1]))
assert outcome["ended_by"] == "remote", outcome
assert outcome["talked_ms"] < 11000, outcome
PY
wait_for 10 sh -c "ls $work/wav/*.wav" || fail "nothing was streamed"
seconds="$(soxi -D "$work"/wav/*.wav)"
awk -v s="$seconds" 'BEGIN { exit !(s > 3.0 && s < 4.6) }' || fail "the stream ran for $seconds s instead of 3.5"
loud="$(sox "$work"/wav/*.wav -n remix 1 trim 1 2 stat 2>&1 | awk '/RMS.*amplitude/ { print $3 }')"
awk -v l="$loud" 'BEGIN { exit !(l > 0.1) }' || fail "what was said is not in the stream: $loud"
say "streamed $seconds s, RMS $loud"
expect_empty 10
