#!/usr/bin/env bash
# Sinks that never read, read a byte a second, reset, close, flap, talk garbage or are not there: no relayed packet is lost, and
# hanging up takes no longer than without a sink.
# Runs alone: it compares how long a hang-up takes.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

start_sink never-read --behave never-read
sinks=("never-read=$sink_url")
for how in byte-a-second reset:20 close:20 flap:300 garbage; do
    start_sink "${how%:*}" --behave "$how"
    sinks+=("${how%:*}=$sink_url")
done
sinks+=("nobody=ws://127.0.0.1:$(free_port)/")
sox -n -r 8000 -c 1 "$work/tone.wav" synth 4 sine 440 vol 0.5
configure <(streaming "${sinks[@]}")
serve

# phone NAME [ARGUMENT…]: the built-in phone calls the echo, in the background; what came of it goes to NAME.call.
phones=()
phone() {
    local name=$1
    shift
    "$sidestream" call 9196 --server "$sip" --play "$work/tone.wav" --json "$@" >"$work/$name.call" 2>&1 &
    started+=("$!")
    phones+=("$!:$name")
}
phone none
for sink in "${sinks[@]}"; do
    name=${sink%%=*}
    phone "$name" --info "100:{\"v\":1,\"op\":\"start\",\"stream\":\"$name\",\"sink\":\"$name\"}"
done
for pair in "${phones[@]}"; do
    wait "${pair%%:*}" || fail "the call with sink ${pair#*:} failed: $(cat "$work/${pair#*:}.call")"
    check heard <"$work/${pair#*:}.call"
done
check_calls relayed 190
[ "$(metric sidestream_sink_discarded_samples_total)" -gt 0 ] || fail "nothing was discarded: were the sinks hostile at all?"

python3 "$helpers/hang_up.py" "$sip" never-read 2>"$work/hang_up.log" || fail "hanging up takes longer with a sink that never reads: $(tail -n 1 "$work/hang_up.log")"
say "$(tail -n 1 "$work/hang_up.log")"

expect_empty 10
for counter in media_send_full media_send_failed media_bugs sink_bugs; do
    metric_is "sidestream_${counter}_total" 0 || fail "$counter is $(metric "sidestream_${counter}_total")"
done
