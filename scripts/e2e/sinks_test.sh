#!/usr/bin/env bash
# The conformance kit: passes the sample sinks in Python and Node, finds the fault of each broken sink, and tells the same as JSON and
# JUnit. The test phrase goes to a sink of the running server and comes out as speech.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
lib="$(dirname "$0")/lib"

# sink PORT COMMAND…: a sink in the background, once it listens.
sink() {
    local port=$1
    shift
    "$@" >"$work/sink-$port.log" 2>&1 &
    started+=("$!")
    wait_for 10 bash -c ">/dev/tcp/127.0.0.1/$port" || fail "no sink on $port: $(cat "$work/sink-$port.log")"
}
examples="$root/examples/sinks"
python="$(free_port)" twilio="$(free_port)" node="$(free_port)"
sink "$python" "$venv/bin/python" "$examples/native_sink.py" --port "$python" --directory "$work/wav"
sink "$twilio" "$venv/bin/python" "$examples/twilio_sink.py" --port "$twilio"
sink "$node" env NODE_PATH="$root/target/npm/node_modules" node "$examples/native_sink.mjs" "$node"

# Beside each other: each check waits for real time.
kit() { "$sidestream" sinks test "$@"; }
kit "ws://127.0.0.1:$python" >"$work/python.out" 2>&1 & python_kit=$!
kit "ws://127.0.0.1:$twilio" --dialect twilio --json --junit "$work/twilio.xml" >"$work/twilio.json" 2>"$work/twilio.err" & twilio_kit=$!
kit "ws://127.0.0.1:$node" --encoding pcmu >"$work/node.out" 2>&1 & node_kit=$!

faults=(dies_of_pause:pause dies_of_the_unknown:unknown_messages dies_of_gaps:gaps acknowledges_the_future:speech chatters:speech
    works_while_it_reads:slow_reading refuses_again:reconnect)
kits=()
for fault in "${faults[@]}"; do
    port="$(free_port)"
    sink "$port" "$venv/bin/python" "$lib/broken_sink.py" "$port" "${fault%:*}"
    kit "ws://127.0.0.1:$port" --check "connects,${fault#*:}" --json >"$work/${fault%:*}.json" 2>/dev/null &
    kits+=("$!")
done

wait "$python_kit" || fail "the Python sample: $(cat "$work/python.out")"
grep -q '^16 passed, 0 failed, 0 skipped$' "$work/python.out" || fail "the Python sample: $(cat "$work/python.out")"
wait "$node_kit" || fail "the Node sample: $(cat "$work/node.out")"
grep -q '^16 passed, 0 failed, 0 skipped$' "$work/node.out" || fail "the Node sample: $(cat "$work/node.out")"
wait "$twilio_kit" || fail "the Twilio sample: $(cat "$work/twilio.json" "$work/twilio.err")"
python3 - "$work" <<'PY' || fail "the reports are not the same"
import json, pathlib, sys, xml.etree.ElementTree as xml
work = pathlib.Path(sys.argv[1])
report = json.loads((work / "twilio.json").read_text())
assert report["ok"] and [c["check"] for c in report["checks"] if c["verdict"] == "skipped"] == ["acknowledges"], report
suite = xml.parse(work / "twilio.xml").getroot().find("testsuite")
assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("16", "0", "1"), suite.attrib
assert [c.get("name") for c in suite] == [c["check"] for c in report["checks"]]
PY
for place in "${!faults[@]}"; do
    fault="${faults[$place]}"
    ! wait "${kits[$place]}" || fail "a sink that ${fault%:*} passed"
    python3 - "$work/${fault%:*}.json" "${fault#*:}" <<'PY' || fail "the kit blames a sink that ${fault%:*} for something else: $(cat "$work/${fault%:*}.json")"
import json, sys
checks = json.load(open(sys.argv[1]))["checks"]
bad = [check for check in checks if check["verdict"] == "failed"]
assert [check["check"] for check in bad] == [sys.argv[2]] and bad[0]["mend"], checks
PY
done

# The phrase, over the server's own way to its sinks: the sample writes what it heard.
rm -rf "$work/wav"/*
cat >"$work/sidestream.toml" <<EOF
[sip]
listen = ["udp:127.0.0.1:0"]
[http]
listen = "127.0.0.1:0"
[[http.tokens]]
id = "test"
secret = "Zq8vn3Kd5pw2Zq8vn3Kd5pw2"
[[sinks]]
name = "asr"
kind = "websocket"
url = "ws://127.0.0.1:$python/"
# A machine that does much else may take its time for the last frames.
drain_ms = 5000
[[sinks]]
name = "gone"
kind = "websocket"
url = "ws://127.0.0.1:1/"
reconnect = { attempts = 1 }
[[sinks]]
name = "scope"
kind = "scope"
EOF
start_server --config "$work/sidestream.toml"
"$sidestream" sinks test asr --phrase >"$work/phrase.out" || fail "the phrase: $(cat "$work/phrase.out")"
from="$(ls "$work/wav"/*-from_customer.wav | head -n 1)"
level="$(sox "$from" -n stat 2>&1 | awk '/RMS.*amplitude/ {print ($3 > 0.02)}')"
[ "$level" = 1 ] || fail "no speech in $from"
"$sidestream" sinks test scope --phrase >"$work/scope.out" || fail "the phrase for the scope: $(cat "$work/scope.out")"
! "$sidestream" sinks test gone --phrase --json >"$work/gone.json" 2>/dev/null || fail "a sink that is not there passed"
grep -q 'start the sink' "$work/gone.json" || fail "no mend: $(cat "$work/gone.json")"
! "$sidestream" sinks test nobody --phrase 2>"$work/nobody.err" || fail "a sink that is not configured passed"
grep -q 'no such sink\|no sink' "$work/nobody.err" || fail "unclear: $(cat "$work/nobody.err")"
"$sidestream" sinks test asr --config "$work/sidestream.toml" --check connects,stop >/dev/null || fail "a sink by its file"
"$sidestream" sinks | grep -q '^ *asr ' || fail "sinks does not list"
[ "$(api GET '/v1/calls?state=all' | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["calls"]))')" = 0 ] || fail "a test is listed as a call"
