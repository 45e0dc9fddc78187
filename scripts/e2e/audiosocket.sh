#!/usr/bin/env bash
# An AudioSocket server hears the customer: the id first, every packet 20 ms (the last may be cut short), the digits, the hang-up last; it sounds as it was said.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

# heard_by NAME TRACK RATE: one call with a stream to a server of its own.
heard_by() {
    local name=$1 track=$2 rate=$3 port
    port=$(free_port)
    python3 "$helpers/audiosocket_server.py" "$port" "$work/$name-as-sent.wav" >"$work/$name.out" 2>"$work/$name.log" &
    local server=$!
    started+=("$server")
    wait_for 10 grep -q listening "$work/$name.out" || fail "the AudioSocket server did not start"
    configure <(printf '[streaming]\ndefault_sink = "pbx"\n[[sinks]]\nname = "pbx"\nkind = "audiosocket"\naddress = "localhost:%s"\ntrack = "%s"\nsample_rate = %s\n' \
        "$port" "$track" "$rate")
    serve
    "$sidestream" call "$4" --server "$sip" --user 1000 --password "$password" --play "$work/said.wav" --duration 5 --dtmf 1200ms,7 --json \
        --info '0:{"v":1,"op":"start","stream":"a","tracks":["from_customer","to_customer"]}' >"$work/call.json" 2>&1 ||
        fail "the call failed: $(cat "$work/call.json")"
    wait "$server" || fail "$name: $(tail -n 1 "$work/$name.log")"
    expect_empty
    id=$(api GET '/v1/calls?state=ended' | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][0]["streams"][0]["stream"])')
    python3 - "$id" "$work/$name.out" <<'PY' || fail "$name: the id is not the stream's: $id, $(cat "$work/$name.out")"
import sys, uuid
number = 0
for letter in sys.argv[1]:
    number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(letter)
assert f"id {uuid.UUID(int=number)} " in open(sys.argv[2]).read()
PY
    grep -q "rate $rate digits 7" "$work/$name.out" || fail "$name: $(cat "$work/$name.out")"
    [ "$(metric sidestream_sink_refused_messages_total)" -gt 50 ] || fail "what the server said back was not counted"
    sox "$work/$name-as-sent.wav" -r 8000 "$work/$name.wav"
    python3 "$helpers/correlate.py" "$work/said.wav" "$work/$name.wav" >"$work/correlation" || fail "$name: $(cat "$work/correlation")"
    say "$name: $(cat "$work/correlation")"
    stop_process "$server_pid"
}
sox "$root/config/prompts/customer.wav" -r 8000 -c 1 -b 16 "$work/said.wav" trim 0 6 pad 0 1
heard_by customer from_customer 8000 9000
heard_by wide from_customer 16000 9000
