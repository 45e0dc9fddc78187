#!/usr/bin/env bash
# One stream, four sinks at once, each by its own policy: Twilio's messages (complete), a recording server (live), a Matroska and a FLAC file.
# Each received what its manifest says, by place and by hash; all four begin, pause and end at the same sample. Then the Twilio sink
# dies in mid-call and comes back, then the recording server: the others, and the call, are untouched; who was owed everything gets it.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

python=$venv/bin/python
srs_port=$(free_port)
audio=$(python3 "$helpers/ports.py" 4)
listen_to_twilio() {
    "$python" "$helpers/twilio_ear.py" "$work" "$@" >"$work/twilio.port" 2>>"$work/twilio.log" &
    ear_pid=$!
    started+=("$ear_pid")
    wait_for 10 test -s "$work/twilio.port" || fail "the Twilio sink did not start"
}
listen_to_twilio
twilio_port=$(cat "$work/twilio.port")
configure <(
    printf '[streaming]\ndefault_sink = "bot"\n[spool]\ndirectory = "%s"\n' "$work/spool"
    printf '[[sinks]]\nname = "bot"\nkind = "websocket"\nurl = "ws://127.0.0.1:%s"\ndialect = "twilio"\ndelivery = "complete"\nreconnect = { first_delay_ms = 200, max_delay_ms = 500 }\n' "$twilio_port"
    printf '[[sinks]]\nname = "recorder"\nkind = "siprec"\naddress = "sip:srs@127.0.0.1:%s"\n' "$srs_port"
    printf '[[sinks]]\nname = "archive"\nkind = "matroska"\ndirectory = "%s"\n' "$work/mkv"
    printf '[[sinks]]\nname = "flac"\nkind = "flac"\ndirectory = "%s"\n' "$work/flac"
)
serve

record() {
    sipp -sf "$scenarios/srs.xml" -i 127.0.0.1 -p "$srs_port" -mp "$audio" -m 1 -nostdin -trace_err -error_file "$work/srs.err" >"$work/srs.log" 2>&1 &
    srs_pid=$!
    started+=("$srs_pid")
    wait_for 10 python3 "$helpers/ports.py" --taken "$srs_port" || fail "SIPp does not listen"
    rm -f "$work/srs.pcapng"
    tshark -q -i lo -f "udp portrange $audio-$((audio + 3))" -w "$work/srs.pcapng" >"$work/tshark.log" 2>&1 &
    tshark_pid=$!
    started+=("$tshark_pid")
    wait_for 10 test -s "$work/srs.pcapng" || fail "tshark does not listen"
}

# call_into_all SECONDS: one call, one stream, four terminals, a pause in it; in the background.
call_into_all() {
    answer_with uas
    "$sidestream" call 7001 --server "$sip" --user 1000 --password "$password" --play "$root/config/prompts/customer.wav" --duration "$1" --json \
        --info '100:{"v":1,"op":"start","stream":"s1","sinks":["bot","recorder","archive","flac"],"tracks":["from_customer","to_customer"]}' \
        --info '2500:{"v":1,"op":"pause","stream":"s1"}' --info '3200:{"v":1,"op":"resume","stream":"s1"}' >"$work/call.json" 2>&1 &
    call_pid=$!
    started+=("$call_pid")
    wait_for 10 streaming_to "$work" || fail "the stream is not active: $(cat "$work/call.json")"
}
streaming_to() {
    stream=$(api GET /v1/calls | python3 -c '
import json, sys
(call,) = json.load(sys.stdin)["calls"]
(it,) = call["streams"]
assert it["state"] == "active", it
print(it["stream"])')
}

# judge [DEAD]: when the call is over: it was whole, and so is what each sink has.
judge() {
    wait "$call_pid" || fail "the call failed: $(cat "$work/call.json")"
    check heard 0 <"$work/call.json"
    answered
    check_calls relayed 200
    expect_empty
    kill -INT "$tshark_pid"
    wait "$tshark_pid" 2>/dev/null || true
    for track in 0 1; do
        tshark -r "$work/srs.pcapng" -d "udp.port==$((audio + 2 * track)),rtp" -Y "udp.dstport==$((audio + 2 * track)) && rtp" \
            -T fields -e rtp.timestamp -e rtp.payload >"$work/track$track" 2>/dev/null
    done
    for terminal in 0 1 2 3; do
        wait_for 10 api GET "/v1/streams/$stream/manifest?terminal=$terminal" || fail "terminal $terminal has no manifest"
        api GET "/v1/streams/$stream/manifest?terminal=$terminal" >"$work/manifest.$terminal"
    done
    flac --silent --decode --stdout --force-raw-format --endian=little --sign=signed "$work"/flac/*"$stream"*.flac >"$work/flac.raw" || fail "flac does not decode"
    wait_for 10 test -e "$work/$stream.stopped" || fail "the Twilio sink did not hear the end"
    "$python" "$helpers/four_sinks.py" "$work" "$stream" "$@" >"$work/judged" 2>"$work/why.sinks" || fail "${1+with $1 dead: }$(last_error "$work/why.sinks")"
    say "${1+$1 died: }$(cat "$work/judged")"
}

misses_a_sink() { api GET /v1/sinks | grep -q last_failure; }

record
call_into_all 6
judge
wait "$srs_pid" || fail "the recording server saw something else: $(cat "$work/srs.err" 2>/dev/null)"

record
call_into_all 5
kill -KILL "$ear_pid"
wait "$ear_pid" 2>/dev/null || true
wait_for 10 misses_a_sink || fail "nobody misses the Twilio sink"
listen_to_twilio "$twilio_port"
judge bot
wait "$srs_pid" || fail "the recording server saw something else: $(cat "$work/srs.err" 2>/dev/null)"

record
call_into_all 5
kill -KILL "$srs_pid"
wait "$srs_pid" 2>/dev/null || true
judge recorder
wait_for 5 metric_is sidestream_spools 0 || fail "something is still owed: $(api GET /v1/spools)"
