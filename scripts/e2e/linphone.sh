#!/usr/bin/env bash
# linphone over TCP calls linphone over UDP through the registrar: speech both ways, hold and return, blind transfer, hang-up by the called party.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

# linphone NAME [ARGUMENT…]: a linphonec that takes commands through `tell NAME`, says NAME.wav and registers as user NAME, over $transport.
linphone() {
    local name=$1 own="$work/$1"
    shift
    mkdir -p "$own/.local/share/linphone"
    cat >"$own/rc" <<LINES
[sip]
sip_port=$(free_port)
sip_tcp_port=$([ "${transport:-udp}" = tcp ] && echo -1 || echo 0)
sip_tls_port=0
use_ipv6=0
media_encryption=none
[rtp]
audio_rtp_port=$(python3 "$helpers/ports.py" 2)
[sound]
disable_record_on_mute=0
LINES
    mkfifo "$own/in"
    (cd "$own" && HOME="$own" exec timeout 60 linphonec -c "$own/rc" "$@") <"$own/in" >"$work/$name.log" 2>&1 &
    started+=("$!")
    exec {writer}>"$own/in"
    declare -g "writer_$name=$writer"
    tell "$name" "soundcard use files"
    tell "$name" "play $work/$name.wav"
    tell "$name" "register sip:$name@$sip sip:$sip;transport=${transport:-udp} $password"
}
tell() {
    local writer="writer_$1"
    printf '%s\n' "$2" >&"${!writer}"
}
state_is() { "$sidestream" calls --json | grep -q "\"state\":\"$1\""; }

trusted=no
configure
serve
sox "$root/config/prompts/customer.wav" -b 16 -e signed-integer -r 8000 -c 1 "$work/1000.wav"
sox "$root/config/prompts/agent.wav" -b 16 -e signed-integer -r 8000 -c 1 "$work/1001.wav"
linphone 1001 -a
transport=tcp linphone 1000
wait_for 20 metric_is sidestream_switch_registrations 2 || fail "linphone did not register"
# phone_is USER TRANSPORT: how a phone is registered.
phone_is() { api GET /v1/phones | python3 -c 'import json, sys; sys.exit((sys.argv[1], sys.argv[2]) not in [(p["user"], p["transport"].lower()) for p in json.load(sys.stdin)["phones"]])' "$@"; }
phone_is 1000 tcp || fail "1000 is not registered over TCP: $(api GET /v1/phones)"
phone_is 1001 udp || fail "1001 is not registered over UDP: $(api GET /v1/phones)"
tell 1000 "call sip:1001@$sip"
wait_for 10 state_is answered || fail "the call was not answered"
sleep 3
tell 1000 "pause 1"
wait_for 5 holds yes || fail "the call is not held"
tell 1000 "resume 1"
wait_for 5 holds no || fail "the call is still held"
sleep 2
answer_with called_is_target
tell 1000 "transfer 1 sip:7001@$sip"
wait_for 10 has_leg 7001 || fail "the call was not transferred: $(api GET /v1/calls)"
answered
wait_for 5 test_empty || fail "the transferred call did not end: $(left)"
check_calls outcome completed
tell 1000 "call sip:1001@$sip"
wait_for 10 state_is answered || fail "the second call was not answered"
sleep 3
tell 1001 "terminate"
wait_for 5 test_empty || fail "linphone did not hang up"
check_calls two_way 100
expect_empty
