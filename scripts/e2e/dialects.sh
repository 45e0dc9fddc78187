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
    printf '[streaming]\nmax_streams_per_call = 16\n'
    printf '[[sinks]]\nname = "native"\nkind = "websocket"\nurl = "%s"\nencoding = "pcma"\n' "$sink_url"
    sink twilio "$(json "$work/ports.json" twilio)" twilio
    sink telnyx "$(json "$work/ports.json" telnyx)" telnyx 'encoding = "pcma"'
    sink telnyx16 "$(json "$work/ports.json" telnyx16)" telnyx 'encoding = "l16"' 'sample_rate = 16000'
    sink stereo "$(cat "$work/jambonz.port")/stereo" jambonz 'sample_rate = 24000'
    sink mixed "$(cat "$work/jambonz.port")/mixed" jambonz 'channels = "mixed"'
    sink hook "$(json "$work/ports.json" hook)" audiohook 'headers = { x-api-key = "k3y" }'
    sink hook16 "$(json "$work/ports.json" hook16)" audiohook 'headers = { x-api-key = "k3y" }'
    sink hookpaused "$(json "$work/ports.json" hookpaused)" audiohook 'headers = { x-api-key = "k3y" }'
} >"$work/sinks.toml"
configure "$work/sinks.toml"
serve

infos=()
for name in native twilio telnyx telnyx16 stereo mixed hook hook16 hookpaused; do
    infos+=(--info "$((100 + 20 * ${#infos[@]})):{\"v\":1,\"op\":\"start\",\"stream\":\"$name\",\"sink\":\"$name\",\"tracks\":[\"from_customer\",\"to_customer\"]}")
done
"$sidestream" call 9000 --server "$sip" --play "$root/config/prompts/customer.wav" --duration 9 --dtmf 6000ms,1,9 "${infos[@]}" --json >"$work/call.json" 2>"$work/phone.log" &
call_pid=$!
started+=("$call_pid")
# The contact speaks another language: an open session of AudioHook is told.
all_started() { api GET /v1/calls | python3 -c 'import json,sys; (call,) = json.load(sys.stdin)["calls"]; assert len(call["streams"]) == 9'; }
wait_for 10 all_started || fail "the streams did not start"
call=$(api GET /v1/calls | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][0]["call"])')
api POST /contact/attributes "{\"InstanceId\":\"i\",\"InitialContactId\":\"$call\",\"Attributes\":{\"language\":\"de-DE\"}}" >/dev/null || fail "the language was not taken"
wait "$call_pid" || fail "the call failed: $(cat "$work/call.json")"

for name in twilio telnyx telnyx16 stereo mixed hook hook16 hookpaused; do
    wait_for 10 test -s "$work/$name.json" || fail "$name did not hear the end: $(metric sidestream_sink_garbage_messages_total)"
done
wait_for 10 lines_are "$work/native.json" 1 || fail "the native stream did not end"
check report <"$work/native.json"
stream=$(api GET '/v1/calls?state=all' | python3 -c 'import json,sys; print(next(it["stream"] for call in json.load(sys.stdin)["calls"] for it in call["streams"] if it["label"] == "hookpaused"))')
wait_for 5 api GET "/v1/streams/$stream/manifest" || fail "hookpaused has no manifest"
api GET "/v1/streams/$stream/manifest" >"$work/hookpaused.manifest"
python3 - "$work" <<'PYTHON' || fail "$(cat "$work/why.checks")"
import json, pathlib, sys
work = pathlib.Path(sys.argv[1])
told = {path.stem: json.loads(path.read_text()) for path in work.glob("*.json") if path.stem in
        ("twilio", "telnyx", "telnyx16", "hook", "hook16", "hookpaused", "stereo", "mixed")}
problems = []
def require(holds, what):
    if not holds:
        problems.append(what)
for name in ("twilio", "telnyx", "telnyx16", "hook", "hook16", "hookpaused"):
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
for name in ("hook", "hook16"):
    require(told[name]["messages"].count("update") == 1, f"{name} was told of the language {told[name]['messages'].count('update')} times")
hook = told["hook16"]
require(hook["connections"] == 2 and hook["reasons"] == ["reconnect", "disconnect"], f"hook16 ended by {hook['reasons']}")
(start, length), = hook["resumed"]
require(abs(start - 1.5 * 8000) < 4000 and abs(length - 8000) < 2400, f"hook16 was paused at {start} for {length}")
# A session that begins paused: the account tells the pause, and only what was heard as given.
paused = told["hookpaused"]
(start, length), = paused["resumed"]
require(start == 0 and abs(length - 1.5 * 8000) < 4000, f"hookpaused was paused at {start} for {length}")
for track in json.loads((work / "hookpaused.manifest").read_text())["tracks"]:
    samples = track["samples"]
    require(abs(samples["paused"] - length) <= 160 and samples["discarded"] == 0, f"the account of hookpaused: {samples}, {length} were paused")
    require(sum(samples.values()) - samples["paused"] - paused["heard"] in range(-160, 161), f"the account of hookpaused: {samples}, {paused['heard']} were heard")
(work / "why.checks").write_text("; ".join(problems))
sys.exit(bool(problems))
PYTHON

"$venv/bin/python" "$helpers/likeness.py" "$work" "$root/config/prompts" >"$work/likeness.log" 2>&1 || fail "not as it was said: $(tr '\n' ' ' <"$work/likeness.log")"
say "$(tr '\n' ' ' <"$work/likeness.log")"
expect_empty 10
