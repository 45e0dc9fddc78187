#!/usr/bin/env bash
# A real NATS server keeps what calls say: a consumer that is not ours puts both tracks together, and they are what was spoken and what the manifest
# says, though the server is killed in the middle of one call, and our own process in the middle of another. Logs that are not as they
# must be cost their own streams, and say what mends them.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

nats_port=$(free_port)
url="nats://us:there@127.0.0.1:$nats_port"
printf 'listen: "127.0.0.1:%s"\njetstream { store_dir: "%s" }\nauthorization { user: us, password: there }\n' "$nats_port" "$work/log" >"$work/nats.conf"
nats_server() {
    "$venv/bin/nats-server" -c "$work/nats.conf" >>"$work/nats.log" 2>&1 &
    nats_pid=$!
    started+=("$nats_pid")
    wait_for 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$nats_port" || fail "the NATS server does not listen"
}
killed() {
    kill -KILL "$1"
    wait "$1" 2>/dev/null || true
}
# log NAME PASSWORD STREAM MORE: a sink.
log() {
    printf '[[sinks]]\nname = "%s"\nkind = "nats"\nurl = "nats://127.0.0.1:%s"\nstream = "%s"\nsubject = "calls"\nbasic = { user = "us", password = "%s" }\n%s\n' "$1" "$nats_port" "$3" "$2" "${4:-}"
}
configure <(
    printf '[streaming]\ndefault_sink = "log"\n'
    log log there CALLS $'delivery = "complete"\ncreate = { hours = 1, max_mib = 64 }\n[sinks.reconnect]\nmax_delay_ms = 500\nrest_ms = 200'
    log stranger wrong CALLS
    log nowhere there OTHER
    printf '[spool]\ndirectory = "%s"\n' "$work/spool"
)
# talk SECONDS [INFO…]: a phone speaks to the echo, in the background; both tracks go to the log.
talk() {
    local seconds=$1 more=() info
    shift
    for info in "$@"; do more+=(--info "$info"); done
    "$sidestream" call 9196 --server "$sip" --user 1000 --password "$password" --play "$work/spoken.wav" --duration "$seconds" --json \
        --info '0:{"v":1,"op":"start","stream":"s","tracks":["from_customer","to_customer"]}' ${more[@]+"${more[@]}"} >"$work/call.json" 2>&1 &
    talk_pid=$!
    started+=("$talk_pid")
}
active() { [ "$(metric sidestream_streams_active)" -ge "$1" ]; }
nothing_owed() { metric_is sidestream_spools 0 && [ -z "$(find "$work/spool" -name '*.spool')" ]; }
owed() { api GET /v1/spools | grep -q '"pending_samples":[1-9]'; }
# says SINK WORDS: what is wrong at its address.
says() { api GET /v1/sinks | python3 -c 'import json,sys
for sink in json.load(sys.stdin)["sinks"]:
    if sink["name"] == sys.argv[1]: sys.exit(sys.argv[2] not in (sink["addresses"][0].get("last_failure") or ""))' "$1" "$2"; }

# Noise is nowhere like itself; what is G.711 already stays what it is.
sox -n -r 8000 -c 1 -e mu-law -t raw "$work/spoken.ulaw" synth 14 whitenoise vol 0.5
sox -t raw -e mu-law -r 8000 -c 1 "$work/spoken.ulaw" -e signed -b 16 "$work/spoken.wav"
sox "$work/spoken.wav" -t raw -e signed -b 16 -L "$work/spoken.raw"

nats_server
serve
talk 9 '300:{"v":1,"op":"start","stream":"a","sink":"stranger"}' '300:{"v":1,"op":"start","stream":"b","sink":"nowhere"}'
wait_for 10 active 1 || fail "the stream did not begin"
wait_for 10 says stranger "refuses who we are" || fail "wrong credentials are not told: $(api GET /v1/sinks)"
wait_for 10 says nowhere "nats stream add OTHER --subjects 'calls.>'" || fail "a missing stream is not told: $(api GET /v1/sinks)"
sleep 1
killed "$nats_pid"
sleep 2
nats_server
wait "$talk_pid" || fail "the call was hurt: $(cat "$work/call.json")"
check_calls relayed 400
wait_for 15 nothing_owed || fail "the stream is still owed: $(api GET /v1/spools)"
[ "$(metric 'sidestream_sink_connect_failures_total{sink="stranger",kind="status"}')" -gt 0 ] || fail "the refusals were not counted"
metric_is sidestream_spool_refused_samples_total 0 || fail "audio was refused"
mkdir "$work/manifests"
stream=$(api GET '/v1/calls?state=ended' | python3 -c 'import json,sys
print([s["stream"] for call in json.load(sys.stdin)["calls"] for s in call["streams"] if s["sink"] == "log"][0])')
api GET "/v1/streams/$stream/manifest" >"$work/manifests/$stream.json"

# The log is away when our process dies.
talk 30
wait_for 10 active 1 || fail "the second stream did not begin"
sleep 2
killed "$nats_pid"
sleep 1
killed "$server_pid"
killed "$talk_pid"
[ -n "$(find "$work/spool" -name '*.spool')" ] || fail "nothing is left in the spool"
serve
wait_for 10 owed || fail "what is left is not owed: $(api GET /v1/spools)"
nats_server
wait_for 15 nothing_owed || fail "the stream is still owed after the restart: $(api GET /v1/spools)"

"$venv/bin/python" "$helpers/nats_reader.py" "$url" "$work/spoken.raw" "$work/manifests" 1 >"$work/read.json" 2>"$work/reader.log" || fail "$(last_error "$work/reader.log")"
say "$(cat "$work/read.json")"
