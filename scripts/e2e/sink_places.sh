#!/usr/bin/env bash
# Where a sink may lead, as a client of the API sees it: a redirect is a failure and nobody goes there; a name whose next answer is another
# address leads nowhere, because each answer is judged and what was judged is connected to; an address that fails often is left alone by
# all streams, which the API tells. The call goes on.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

redirect=$(free_port)
elsewhere=$(free_port)
named=$(free_port)
dns=$(free_port)
nobody=$(free_port)
# sink NAME URL
sink() {
    printf '[[sinks]]\nname = "%s"\nkind = "websocket"\nurl = "%s"\n[sinks.reconnect]\nattempts = 2\nfirst_delay_ms = 50\nmax_delay_ms = 100\nfailures = 3\nrest_ms = 60000\n' "$1" "$2"
}
sip_more="[sip.dns]
nameservers = [\"127.0.0.1:$dns\"]"
configure <(
    printf '[streaming]\ndefault_sink = "redirect"\n'
    sink redirect "ws://127.0.0.1:$redirect/"
    sink rebinding "ws://rebinding.test:$named/"
    sink nobody "ws://127.0.0.1:$nobody/"
)
python3 "$helpers/sink_places.py" "$work/places" "$redirect" "$elsewhere" "$named" "$dns" 2>"$work/places.log" &
started+=("$!")
wait_for 10 grep -q listening "$work/places" || fail "the places did not start: $(tail -n 1 "$work/places.log")"
serve
"$sidestream" call 9196 --server "$sip" --user 1000 --password "$password" --duration 120 --json >"$work/call.json" 2>&1 &
started+=("$!")
up() { api GET /v1/calls | grep -q '"state":"answered"'; }
wait_for 10 up || fail "the call is not up: $(api GET /v1/calls)"
call=$(api GET /v1/calls | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][0]["call"])')

# start SINK: a stream to it, which has to end; sets cause.
start() {
    local stream
    stream=$(api POST "/v1/calls/$call/streams" "{\"sink\":\"$1\"}" | python3 -c 'import json,sys; print(json.load(sys.stdin)["streams"][0]["stream"])')
    ended() { api GET "/v1/streams/$stream" | grep -q '"state":"ended"'; }
    wait_for 10 ended || fail "the stream to $1 goes on: $(api GET "/v1/streams/$stream")"
    cause=$(api GET "/v1/streams/$stream" | python3 -c 'import json,sys; print(json.load(sys.stdin)["cause"])')
}
# address SINK MEMBER: what the API says of the sink's address.
address() {
    api GET /v1/sinks | python3 -c 'import json,sys; (it,) = [it for it in json.load(sys.stdin)["sinks"] if it["name"] == sys.argv[1]]; print(it["addresses"][0].get(sys.argv[2]))' "$1" "$2"
}
failures() { metric "sidestream_sink_connect_failures_total{sink=\"$1\",kind=\"$2\"}"; }

start redirect
[ "$cause" = connect_failed ] || fail "redirected: the stream ended as $cause"
[ "$(failures redirect status)" = 3 ] || fail "redirected: $(failures redirect status) answers were counted"
[ "$(grep -cx redirect "$work/places")" = 3 ] || fail "redirected: $(sort "$work/places" | uniq -c)"
! grep -qx elsewhere "$work/places" || fail "the redirect was followed"
case "$(address redirect last_failure)" in *302*) ;; *) fail "redirected: the API tells $(address redirect last_failure)" ;; esac

start rebinding
[ "$cause" = connect_failed ] || fail "rebound: the stream ended as $cause"
[ "$(grep -cx judged "$work/places")" = 1 ] || fail "rebound: the first answer was not connected to: $(sort "$work/places" | uniq -c)"
[ "$(grep -cx asked "$work/places")" = 3 ] || fail "not one question for each attempt: $(sort "$work/places" | uniq -c)"
[ "$(failures rebinding destination)" = 2 ] || fail "rebound: $(failures rebinding destination) answers were refused"
for kind in tcp tcp_timeout; do [ "$(failures rebinding $kind)" = 0 ] || fail "rebound: the second answer was connected to"; done

start nobody
[ "$(address nobody circuit)" = open ] || fail "the address that failed three times is $(address nobody circuit)"
[ "$(failures nobody tcp)" = 3 ] || fail "nobody: $(failures nobody tcp) failures"
start nobody
[ "$(failures nobody tcp)" = 3 ] || fail "an address that is left alone was tried: $(failures nobody tcp) failures"
[ "$(failures nobody circuit_open)" -ge 1 ] || fail "nobody: $(failures nobody circuit_open) attempts found the circuit open"
[ "$(metric sidestream_sink_addresses_resting)" -ge 1 ] || fail "no address rests"

up || fail "the call was hurt: $(api GET /v1/calls)"
api DELETE "/v1/calls/$call" >/dev/null
expect_empty
