#!/usr/bin/env bash
# A sink speaks to the customer in a bridged call: the customer hears it in the other party's place, its marks come back when that was
# heard, what it cuts short is not heard, and what the customer says is relayed all the while. A sink that may not speak is refused.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

sox -t wav "$root/config/prompts/agent.wav" -t raw -e mu-law -b 8 -r 8000 -c 1 "$work/speech.ulaw" trim 0 4
sox "$root/config/prompts/agent.wav" -b 16 -e signed-integer -r 8000 -c 1 "$work/speech.wav" trim 0 4
sox -n -b 16 -r 8000 -c 1 "$work/tone.wav" synth 12 sine 440 vol 0.02

"$venv/bin/python" "$helpers/speaking_sink.py" "$work/speech.ulaw" >"$work/sink.log" 2>&1 &
started+=("$!")
wait_for 10 grep -q listening "$work/sink.log" || fail "the sink does not listen"
url="ws://$(sed -n 's/^listening on //p' "$work/sink.log")/"
start_sink deaf
configure <(streaming "deaf=$sink_url") <(
    for name in bot mute; do
        printf '[[sinks]]\nname = "%s"\nkind = "websocket"\nurl = "%s"\ndialect = "twilio"\n' "$name" "$url"
        [ "$name" = mute ] || echo 'back_channel = "customer"'
    done
)
serve
answer_with uas

# call SINK: the customer talks for 8 s and records what is heard.
call() {
    "$sidestream" call 7001 --server "$sip" --user 1000 --password "$password" --play "$work/tone.wav" --record "$work/heard.wav" --duration 8 --json \
        --info "300:{\"v\":1,\"op\":\"start\",\"stream\":\"s\",\"sink\":\"$1\",\"tracks\":[\"from_customer\",\"to_customer\"]}" >"$work/$1.call" 2>&1 ||
        fail "the call with $1 failed"
}
call bot
answered
grep '^{' "$work/sink.log" | check back_channel
python3 "$helpers/correlate.py" "$work/speech.wav" "$work/heard.wav" >"$work/correlation.log" 2>&1 || fail "what was said is not what was heard: $(tail -n 1 "$work/correlation.log")"
say "$(tail -n 1 "$work/correlation.log")"
# 4 s of speech, and half a second until the rest is cut short.
over=$(metric 'sidestream_rtp_dropped_packets_total{reason="talked_over"}')
[ "$over" -ge 200 ] && [ "$over" -le 270 ] || fail "the other party was talked over for $over packets"
[ "$(metric 'sidestream_stream_said_samples_total{sink="bot"}')" -ge 95000 ] || fail "what the sink said was not counted"
check_calls unhurt
expect_empty 10

answer_with uas
call mute
answered
[ "$(grep -c '^{' "$work/sink.log")" = 2 ] || fail "a sink that may not speak had its marks back"
[ "$(metric sidestream_sink_refused_messages_total)" -ge 200 ] || fail "nothing was refused"
expect_empty 10
