#!/usr/bin/env bash
# One call, forked at once in every dialect to parties that are not ours: pipecat's serializers for twilio, telnyx and audiohook, jambonz's
# own SDK, a checker of AudioHook's rules that pauses, reconnects and ends, our listener for native. Each heard both sides as they were said.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

"$venv/bin/python" "$helpers/dialect_sinks.py" "$work" >"$work/ports.json" 2>"$work/sinks.log" &
started+=("$!")
node "$helpers/jambonz_sink.js" "$root/target/npm" "$work" stereo mixed >"$work/jambonz.port" 2>"$work/jambonz.log" &
started+=("$!")
start_sink native --wav "$work/native"
wait_for 30 test -s "$work/ports.json" || fail "the Python sinks did not start"
wait_for 10 test -s "$work/jambonz.port" || fail "jambonz's server did not start"

# sink NAME PORT-NAME DIALECT [LINE…]: a sink of the configuration.
sinks=(native)
sink() {
    local name=$1 url=$2 dialect=$3
    shift 3
    sinks+=("$name")
    printf '[[sinks]]\nname = "%s"\nkind = "websocket"\nurl = "ws://127.0.0.1:%s"\ndialect = "%s"\n' "$name" "$url" "$dialect"
    printf '%s\n' "$@"
}
{
    printf '[[sinks]]\nname = "native"\nkind = "websocket"\nurl = "%s"\nencoding = "pcma"\n' "$sink_url"
    sink twilio "$(json "$work/ports.json" twilio)" twilio
    sink telnyx "$(json "$work/ports.json" telnyx)" telnyx 'encoding = "pcma"'
    sink telnyx16 "$(json "$work/ports.json" telnyx16)" telnyx 'encoding = "l16"' 'sample_rate = 16000'
    sink stereo "$(cat "$work/jambonz.port")/stereo" jambonz 'sample_rate = 24000'
    sink mixed "$(cat "$work/jambonz.port")/mixed" jambonz 'channels = "mixed"'
    sink hook "$(json "$work/ports.json" hook)" audiohook 'headers = { x-api-key = "k3y" }'
    sink hook16 "$(json "$work/ports.json" hook16)" audiohook 'headers = { x-api-key = "k3y" }'
} >"$work/sinks.toml"
configure "$work/sinks.toml"
serve

infos=()
for name in native twilio telnyx telnyx16 stereo mixed hook hook16; do
    infos+=(--info "$((100 + 20 * ${#infos[@]})):{\"v\":1,\"op\":\"start\",\"stream\":\"$name\",\"sink\":\"$name\",\"tracks\":[\"from_customer\",\"to_customer\"]}")
done
"$sidestream" call 9000 --server "$sip" --play "$root/config/prompts/customer.wav" --duration 9 --dtmf 6000ms,1,9 "${infos[@]}" --json >"$work/call.json" 2>"$work/phone.log" ||
    fail "the call failed: $(cat "$work/call.json")"

for name in twilio telnyx telnyx16 stereo mixed hook hook16; do
    wait_for 10 test -s "$work/$name.json" || fail "$name did not hear the end: $(metric sidestream_sink_garbage_messages_total)"
done
wait_for 10 lines_are "$work/native.json" 1 || fail "the native stream did not end"
check report <"$work/native.json"
python3 - "$work" <<'PYTHON' || fail "$(cat "$work/why.checks")"
import json, pathlib, sys
work = pathlib.Path(sys.argv[1])
told = {path.stem: json.loads(path.read_text()) for path in work.glob("*.json") if path.stem in
        ("twilio", "telnyx", "telnyx16", "hook", "hook16", "stereo", "mixed")}
problems = []
def require(holds, what):
    if not holds:
        problems.append(what)
for name in ("twilio", "telnyx", "telnyx16", "hook", "hook16"):
    require(not told[name]["problems"], f"{name}: {told[name]['problems'][:3]}")
    require(told[name]["complete"], f"{name} is incomplete")
for name in ("twilio", "telnyx", "telnyx16", "stereo"):
    digits = told[name].get("digits")
    require(digits == "19", f"{name} heard the keys {digits!r}")
require(told["telnyx"]["start"]["media_format"] == {"encoding": "PCMA", "sample_rate": 8000, "channels": 1}, "telnyx: another format")
require(told["telnyx16"]["start"]["media_format"] == {"encoding": "L16", "sample_rate": 16000, "channels": 1}, "telnyx16: another format")
for name, rate in (("stereo", 24000), ("mixed", 8000)):
    metadata = told[name]["metadata"]
    require((metadata["sampleRate"], metadata["mixType"], metadata["to"]) == (rate, name, "9000"), f"{name}: {metadata}")
    require(told[name]["code"] == 1000, f"{name} was closed with {told[name]['code']}")
require(told["hook"]["participant"]["dnis"] == "9000" and told["hook"]["messages"][0] == "open", "pipecat knows no participant")
require(told["hook"]["messages"].count("ping") >= 2, "pipecat was hardly pinged")
hook = told["hook16"]
require(hook["connections"] == 2 and hook["reasons"] == ["reconnect", "disconnect"], f"hook16 ended by {hook['reasons']}")
(start, length), = hook["resumed"]
require(abs(start - 1.5 * 8000) < 4000 and abs(length - 8000) < 2400, f"hook16 was paused at {start} for {length}")
(work / "why.checks").write_text("; ".join(problems))
sys.exit(bool(problems))
PYTHON

# heard NAME TRACK FILE [EFFECT…]: the file, made mono at 8000 Hz by the effects, holds what that side said.
heard() {
    local said=agent
    [ "$2" = inbound ] && said=customer
    sox "${@:3}" 2>/dev/null
    python3 "$helpers/correlate.py" "$root/config/prompts/$said.wav" "$work/heard.wav" >"$work/correlate.log" 2>&1 ||
        fail "$1 $2: $(tail -n 1 "$work/correlate.log")"
    say "$1 $2: $(tail -n 1 "$work/correlate.log")"
}
mono=(-r 8000 -c 1 -b 16 "$work/heard.wav")
channel=1
for track in inbound outbound; do
    for name in twilio telnyx telnyx16 hook hook16; do
        heard "$name" "$track" "$work/$name-$track.wav" "${mono[@]}"
    done
    heard native "$track" "$work"/native/*.wav "${mono[@]}" remix "$channel"
    heard stereo "$track" -t raw -e signed -b 16 -L -r 24000 -c 2 "$work/stereo.raw" "${mono[@]}" remix "$channel"
    channel=2
done
# The mix is one side less the other.
sox -t raw -e signed -b 16 -L -r 24000 -c 2 "$work/stereo.raw" -r 8000 -b 16 "$work/both.wav" 2>/dev/null
sox -t raw -e signed -b 16 -L -r 8000 -c 1 "$work/mixed.raw" "$work/mix.wav"
sox -D "$work/both.wav" "$work/sum.wav" remix 1v1,2v1 2>/dev/null
python3 "$helpers/correlate.py" "$work/sum.wav" "$work/mix.wav" >"$work/correlate.log" 2>&1 || fail "mixed: $(tail -n 1 "$work/correlate.log")"
say "mixed: $(tail -n 1 "$work/correlate.log")"
expect_empty 10
metric_is sidestream_sink_garbage_messages_total 0 || true
