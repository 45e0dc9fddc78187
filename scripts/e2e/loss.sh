#!/usr/bin/env bash
# Calls over a network that loses 5 %, then 20 % of all SIP, doubles some and changes its order: the phones do what they were asked to,
# and nothing is left over.
# Runs alone: the phones' timers have to meet a busy line, not a busy machine.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"
. "$(dirname "$0")/lib/baresip.sh"

# call NAME NUMBER [ARGUMENT…]: a call by the built-in phone as $caller through the relay, in the background.
call() {
    local name=$1 number=$2
    shift 2
    "$sidestream" call "$number" --server "127.0.0.1:$relay_port" --user "${caller:-1000}" --password "$password" --play "$work/tone.wav" --json "$@" \
        >"$work/$name.json" 2>"$work/$name.log" &
    calls+=("$name:$!")
    started+=("$!")
}

trusted=no
# baresip gives up when it sees another hash than MD5.
sip_more='digest = ["md5"]'
sip_port=$(free_port)
relay_port=$(free_port)
listen="\"udp:127.0.0.1:$sip_port\"]
advertise = [\"udp:127.0.0.1:$relay_port\""
sox -n -b 16 -r 8000 -c 1 "$work/tone.wav" synth 2 sine 440 vol 0.5
sox -n -b 16 -r 8000 -c 1 "$work/1000.wav" synth 120 sine 550 vol 0.5
sox -n -b 16 -r 8000 -c 1 "$work/1001.wav" synth 4 sine 330 vol 0.5
configure
serve

python3 "$helpers/faults.py" --server "127.0.0.1:$sip_port" --port "$relay_port" --loss 0.05,0.20 --double 0.05 --reorder 0.1 --seed 7 \
    --report "$work/faults.json" >"$work/relay" 2>"$work/relay.log" &
relay_pid=$!
started+=("$relay_pid")
wait_for 10 grep -q ready "$work/relay" || fail "the relay did not start"
baresip_phone 1001 "127.0.0.1:$relay_port"
modules=ctrl_tcp
baresip_control 1000
baresip_phone 1000 "127.0.0.1:$relay_port"
# A baresip whose attempts were all lost tries again half a minute later.
wait_for 75 metric_is sidestream_switch_registrations 2 || fail "the two baresips did not register"

for loss in 5 20; do
    calls=()
    # baresip hangs up when it has said everything, after 4 s: three of its calls end so, three by the caller's BYE.
    for number in 1 2 3; do
        call "echo$number" 9196 --duration 3
        call "patient$number" 1001 --duration 20
        call "short$number" 1001 --duration 2
        sleep 0.2
    done
    call registering 9196 --register --dtmf 12 --duration 3
    for one in "${calls[@]}"; do
        name=${one%%:*}
        wait "${one##*:}" || fail "$name at a loss of $loss %: $(cat "$work/$name.json")"
        check heard 200 <"$work/$name.json"
    done
    # The other baresip holds, returns and transfers its caller to SIPp, which hangs up.
    wait_for 40 test_empty || fail "something is left at a loss of $loss %: $(left)"
    answer_with called_is_target
    calls=()
    caller=1001 call moved 1000 --duration 60
    wait_for 20 has_leg 1000 || fail "the call was not answered at a loss of $loss %"
    sleep 2
    baresip_tell 1000 hold
    wait_for 20 holds yes || fail "the call is not held at a loss of $loss %"
    baresip_tell 1000 resume
    wait_for 20 holds no || fail "the call is still held at a loss of $loss %"
    baresip_tell 1000 transfer "sip:7001@127.0.0.1:$relay_port"
    wait_for 30 has_leg 7001 || fail "the call was not transferred at a loss of $loss %: $(api GET /v1/calls)"
    answered
    wait "${calls[0]##*:}" || fail "the transferred caller at a loss of $loss %: $(cat "$work/moved.json")"
    kill -USR1 "$relay_pid"
done
kill -TERM "$relay_pid"
wait "$relay_pid" || true
say "the network: $(cat "$work/faults.json")"
python3 -c 'import json, sys; sys.exit(not all(json.load(open(sys.argv[1])).values()))' "$work/faults.json" || fail "the network was too good"
[ "$(metric sidestream_calls_ended_by_bug_total)" = 0 ] || fail "calls ended by a bug"
expect_empty 40
