#!/usr/bin/env bash
# A sink is shown who calls, as libraries that are not ours judge it; the second address takes over from one where nobody is; a full
# sink is told as 503 by REST and by INFO; and `check` refuses destinations that are not allowed, with the mend.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

port=$(free_port)
url="ws://127.0.0.1:$port/stream?tenant=acme"
sink_keys() {
    cat <<TOML
[streaming]
default_sink = "asr"
[[sinks]]
name = "asr"
kind = "websocket"
urls = ["ws://127.0.0.1:$(free_port)/", "$url"]
basic = { user = "sidestream", password = "open sesame" }
signing = { key_id = "key-1", secret = "$1" }
twilio_token = "t0k3n"
headers = { X-Tenant = "acme" }
max_streams = 1
[sinks.reconnect]
attempts = 0
TOML
}
"$venv/bin/python" "$helpers/signed_sink.py" "$url" sidestream "open sesame" key-1 "a shared secret" t0k3n >"$work/signed.out" 2>"$work/signed.log" &
started+=("$!")
wait_for 10 grep -q listening "$work/signed.out" || fail "the signed sink did not start: $(tail -n 1 "$work/signed.log")"

configure <(sink_keys "a shared secret")
serve
"$sidestream" call 9000 --server "$sip" --user 1000 --password "$password" --duration 6 --json \
    --info '300:{"v":1,"op":"start","stream":"first"}' --info '2500:{"v":1,"op":"start","stream":"second"}' >"$work/call.json" 2>"$work/call.log" &
call_pid=$!
started+=("$call_pid")
wait_for 10 grep -q 'let in' "$work/signed.out" || fail "nobody was let in: $(cat "$work/signed.out")"
stream=$(api GET /v1/calls | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][0]["call"])')

status=$(curl --silent --max-time 10 -o "$work/full.json" -D "$work/full.head" -w '%{http_code}' -X POST -H "Authorization: Bearer $key" \
    -H 'Content-Type: application/json' --data '{"label":"third"}' "$http/v1/calls/$stream/streams")
[ "$status" = 503 ] || fail "a full sink is told as $status: $(cat "$work/full.json")"
grep -qi '^retry-after: [0-9]' "$work/full.head" || fail "no Retry-After: $(cat "$work/full.head")"
api GET /v1/sinks >"$work/sinks.json"
python3 - "$work/sinks.json" <<'PY' || fail "sinks: $(cat "$work/sinks.json")"
import json, sys
(sink,) = json.load(open(sys.argv[1]))["sinks"]
first, second = sink["addresses"]
assert first["circuit"] == "closed" and "no connection" in first["last_failure"], first
assert second["circuit"] == "closed" and "last_failure" not in second, second
assert "sesame" not in json.dumps(sink)
PY
metric_is 'sidestream_sink_connect_failures_total{sink="asr",kind="tcp"}' 1 || fail "the dead address was not counted"
# The phone takes an INFO that is refused for a failure.
wait "$call_pid" && fail "INFO was not answered 503: $(cat "$work/call.json")"
grep -q '"problem":"an INFO was answered 503: .*sink_pool_full' "$work/call.json" || fail "the call failed: $(cat "$work/call.json")"
expect_empty
! grep -qE 'sesame|shared secret|t0k3n' "$work/server.log" || fail "a secret is in the log"

# Another key: the server says 401, and the stream cannot begin; the call goes on.
stop_process "$server_pid"
configure <(sink_keys "another secret")
serve
"$sidestream" call 9000 --server "$sip" --user 1000 --password "$password" --duration 2 --json \
    --info '100:{"v":1,"op":"start","stream":"first"}' >"$work/wrong.json" 2>&1 || fail "the call failed: $(cat "$work/wrong.json")"
grep -q 'turned away: InvalidSignature' "$work/signed.out" || fail "a wrong key was not noticed: $(cat "$work/signed.out")"
metric_is 'sidestream_sink_connect_failures_total{sink="asr",kind="status"}' 1 || fail "401 was not counted"

configure <(printf '[streaming]\nallow = ["*.example"]\n[[sinks]]\nname = "m"\nkind = "websocket"\nurl = "ws://169.254.169.254/"\n[[sinks]]\nname = "o"\nkind = "websocket"\nurl = "wss://asr.test/"\n')
! "$sidestream" check "$work/sidestream.toml" >"$work/check.out" 2>&1 || fail "a forbidden destination passed the check"
for said in "a cloud's metadata service" 'add "169.254.169.254"' 'asr.test is not in the list' 'add "asr.test"'; do
    tr -s ' \n' ' ' <"$work/check.out" | grep -qF "$said" || fail "check does not say: $said"
done
