#!/usr/bin/env bash
# One stream to two sinks follows the customer through hold, re-INVITE, a blind transfer by REFER, an attended one, and another one by
# command: one id, one clock, and two accounts that add up and agree.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

target_port=$(free_port)
peer_more="may_transfer = true"
start_sink sink
configure <(streaming "asr=$sink_url" "wav=$work/wav") \
    <(printf '[[routes]]\npattern = "8*"\ntarget = "sip:{number}@127.0.0.1:%s"\n' "$target_port")
serve

sipp_start target called_holds_and_introduces -p "$target_port" -mp "$(python3 "$helpers/ports.py" 4)" -rtp_echo
target_pid=$sipp_pid
wait_for 5 python3 "$helpers/ports.py" --taken "$target_port" || fail "the target does not listen"
answer_with called_holds_and_transfers
"$sidestream" call 7001 --server "$sip" --user 1000 --password "$password" --duration 14 --play "$root/config/prompts/customer.wav" --json \
    --info '200:{"v":1,"op":"start","stream":"s1","sinks":["asr","wav"],"tracks":["from_customer","to_customer"]}' \
    >"$work/call.log" 2>&1 &
customer_pid=$!
started+=("$customer_pid")

only_call() { api GET /v1/calls | python3 -c 'import json,sys; (call,) = json.load(sys.stdin)["calls"]; print(call["call"])'; }
talks_with() {
    api GET /v1/calls | python3 -c '
import json, sys
(call,) = json.load(sys.stdin)["calls"]
there = [leg["party"] for leg in call["legs"] if not leg["left"]]
assert there == ["1000", sys.argv[1]], there' "$1"
}
answered
wait_for 5 talks_with 8001 || fail "the customer was not transferred to 8001"
# Who was called without being asked holds the customer, too, asks a third one and connects the two.
answer_with called_is_introduced
sipp_wait target "$target_pid"
wait_for 5 talks_with 7002 || fail "the customer was not transferred to 7002"
call=$(only_call)
stream=$(api GET "/v1/calls/$call/streams" | python3 -c 'import json,sys; (it,) = json.load(sys.stdin)["streams"]; print(it["stream"])')
api POST "/v1/calls/$call/transfer" '{"to":"9196"}' >/dev/null
wait_for 5 talks_with 9196 || fail "the customer was not transferred to 9196"
answered
wait "$customer_pid" || fail "the customer's call failed"

wait_for 5 test -s "$work/sink.json" || fail "the sink has no report"
check report audio <"$work/sink.json"
[ "$(wc -l <"$work/sink.json")" = 1 ] || fail "the transfers made a second stream"
[ "$(json "$work/sink.json" stream)" = "$stream" ] || fail "another stream than the one that was started"
for terminal in 0 1; do
    api GET "/v1/streams/$stream/manifest?terminal=$terminal" >"$work/manifest.$terminal" || fail "terminal $terminal has no manifest"
done
python3 - "$work"/manifest.? <<'PYTHON' || fail "the accounts do not agree"
import json, sys

first, second = (json.load(open(path)) for path in sys.argv[1:])
for manifest, terminal, sink in ((first, 0, "asr"), (second, 1, "wav")):
    assert (manifest["terminal"], manifest["sink"], manifest["holds"]) == (terminal, sink, True), manifest
    for track in manifest["tracks"]:
        assert sum(track["samples"].values()) == manifest["clock"], track
        assert track["samples"]["audio"] > 24_000, track["samples"]
        assert track["samples"]["discarded"] == 0, track["samples"]
assert first["clock"] == second["clock"] > 10 * 8000, (first["clock"], second["clock"])
assert [track["spans"] for track in first["tracks"]] == [track["spans"] for track in second["tracks"]]
held = max(track["samples"]["held"] for track in first["tracks"])
assert held > 2_000, held
PYTHON
expect_empty
