#!/usr/bin/env bash
# Kamailio as carrier: the trunk registers there with digest, proves itself for each call, and takes the calls that come for its number.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"
. "$(dirname "$0")/lib/kamailio.sh"

trusted=no
sip_port=$(free_port)
configure
challenges=yes
kamailio_start "$sip_port" "$uas_port"
cat >>"$work/sidestream.toml" <<LINES
[[routes]]
name = "out"
pattern = "5*"
target = "trunk:kamailio"
[[routes]]
name = "in"
pattern = "2001"
from = ["trunk:kamailio"]
target = "test:9196"
[[trunks]]
name = "kamailio"
addresses = ["sip:127.0.0.1:$kamailio_port"]
from_user = "2001"
[trunks.account]
user = "2001"
password = "$password"
realm = "kamailio.test"
[trunks.register]
aor = "sip:2001@127.0.0.1:$kamailio_port"
[trunks.health]
every_s = 5
LINES
cat >>"$work/sidestream.toml" <<LINES
[[routes]]
name = "office hours"
pattern = "/30[0-9]+/"
target = "trunk:kamailio"
rewrite = [{ pattern = "3*", strip = 1, prefix = "+49" }]
[routes.hours]
zone = "Europe/Berlin"
days = ["mon-fri"]
times = ["09:00-17:00"]
LINES
serve
route() { "$sidestream" route-test "$@" --config "$work/sidestream.toml" --json; }
told() { python3 -c 'import json, sys; way = json.load(sys.stdin); print(way["route"], way["number"], way["stages"][0][0]["uri"])'; }
[ "$(route 5001 --from user:1000 | told)" = "out 5001 sip:5001@127.0.0.1:$kamailio_port" ] || fail "route-test: $(route 5001 --from user:1000)"
# A Thursday at ten, and a Sunday.
open=$(route 3040 --from user:1000 --at 2026-12-24T10:00:00+01:00 | told)
[ "$open" = "office hours +49040 sip:+49040@127.0.0.1:$kamailio_port" ] || fail "route-test in office hours: $open"
closed=$(route 3040 --from user:1000 --at 2026-12-27T10:00:00+01:00 || true)
grep -q '"misfit": *"hours"' <<<"$closed" || fail "route-test on Sunday: $closed"
sox -n -b 16 -r 8000 -c 1 "$work/tone.wav" synth 2 sine 440 vol 0.5
routed=yes
through="127.0.0.1:$kamailio_port"
registered() { kamcmd -s "unix:$work/kamailio.socket" ul.dump 2>/dev/null | grep -q "2001@127.0.0.1:$sip_port"; }
wait_for 10 registered || fail "the trunk did not register"

answer_with called_plainly
"$sidestream" call 5001 --server "127.0.0.1:$sip_port" --user 1000 --password "$password" --play "$work/tone.wav" --duration 2 --json >"$work/out.json" 2>&1 ||
    grep -q '"answered":true' "$work/out.json" || fail "the call out: $(cat "$work/out.json")"
answered
call_from in caller_talks -s 2001 -d 1000
expect_empty
