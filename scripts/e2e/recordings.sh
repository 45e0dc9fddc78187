#!/usr/bin/env bash
# One stream of a call into a WAV and a FLAC file: FLAC's own program proves the file, it and ffmpeg decode to the samples of the WAV file, and
# a pause is silence in both. A server that is killed in mid-call leaves files that are read up to their last frame.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

configure <(streaming "wav=$work/wav") <(printf '[[sinks]]\nname = "flac"\nkind = "flac"\ndirectory = "%s"\n' "$work/flac")
serve

# call_9196 SECONDS NAME [ARGUMENT…]: a call to the echo, streamed into both sinks.
call_9196() {
    local seconds=$1 name=$2
    shift 2
    "$sidestream" call 9196 --server "$sip" --user 1000 --password "$password" --play "$root/config/prompts/customer.wav" --duration "$seconds" --json \
        --info '0:{"v":1,"op":"start","stream":"s1","sinks":["wav","flac"],"tracks":["from_customer","to_customer"]}' "$@" >"$work/$name.json" 2>&1
}

# same_samples WAV FLAC: what both decoders make of FLAC is what is in WAV.
same_samples() {
    local wav=$1 flac=$2
    sox "$wav" -t raw -e signed -b 16 "$work/wav.raw"
    flac --silent --decode --stdout --force-raw-format --endian=little --sign=signed "$flac" >"$work/flac.raw" || fail "flac does not decode $flac"
    ffmpeg -nostdin -v error -xerror -i "$flac" -f s16le -y "$work/ffmpeg.raw" || fail "ffmpeg does not decode $flac"
    cmp -s "$work/flac.raw" "$work/ffmpeg.raw" || fail "the two decoders differ"
}

# agree SAMPLES [MANIFEST MANIFEST]: both hold the same samples of both tracks, and one is longer by SAMPLES of each at most. Each sink is told of
# a pause by itself, and may have had the frame of that moment: where the manifests name different kinds, samples may differ.
agree() {
    python3 - "$work/wav.raw" "$work/flac.raw" "$@" <<'PYTHON' || fail "the FLAC file does not hold the samples of the WAV file"
import array, json, sys

wav, flac = (array.array("h", open(path, "rb").read()) for path in sys.argv[1:3])
assert abs(len(wav) - len(flac)) <= 2 * int(sys.argv[3]), (len(wav), len(flac))


def kinds(path):
    tracks = json.load(open(path))["manifest"]["tracks"]
    return [[span["kind"] for span in track["spans"] for _ in range(span["samples"])] for track in tracks]


told = [kinds(path) for path in sys.argv[4:]]
differ = 0
for place, (one, other) in enumerate(zip(wav, flac)):
    position, track = divmod(place, 2)
    if told and told[0][track][position] != told[1][track][position]:
        differ += 1
    else:
        assert one == other, (position, track, one, other)
# A frame on either side of the pause, of both tracks.
assert differ <= 4 * 160, differ
PYTHON
}

call_9196 6 whole --info '2000:{"v":1,"op":"pause","stream":"s1"}' --info '3000:{"v":1,"op":"resume","stream":"s1"}' || fail "the call failed: $(cat "$work/whole.json")"
expect_empty
wav=$(ls "$work"/wav/*.wav)
flac=$(ls "$work"/flac/*.flac)
flac --silent --test --warnings-as-errors "$flac" 2>"$work/flac.log" || fail "flac -t: $(cat "$work/flac.log")"
same_samples "$wav" "$flac"
agree 160 "${wav%.*}.json" "${flac%.*}.json"
# Each of the two was told of the hang-up by itself, and may have had the last frame before: each file is as long as its own manifest says.
for file in "$wav" "$flac"; do
    python3 - "${file%.*}.json" "$file" <<'PYTHON' || fail "the manifest does not fit $file"
import json, subprocess, sys
manifest = json.load(open(sys.argv[1]))["manifest"]
shown = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=channels,sample_rate,duration_ts", "-of", "json", sys.argv[2]], check=True, capture_output=True)
(stream,) = json.loads(shown.stdout)["streams"]
assert (stream["channels"], stream["sample_rate"], stream["duration_ts"]) == (2, "8000", manifest["clock"]), stream
assert sum(span["samples"] for span in manifest["tracks"][0]["spans"] if span["kind"] == "paused") >= 7000
PYTHON
done
say "$(stat -c %s "$flac") bytes of FLAC for $(stat -c %s "$wav") of WAV"

# The server dies in the middle of a call. Its files are not ended, and nobody repairs them.
rm -r "$work/wav" "$work/flac"
call_9196 20 killed &
caller_pid=$!
started+=("$caller_pid")
wait_for 10 bash -c "[ \"\$(stat -c %s '$work'/flac/*.flac)\" -gt 10000 ]" || fail "no FLAC file grows"
kill -KILL "$server_pid"
wait "$server_pid" 2>/dev/null || true
wav=$(ls "$work"/wav/*.wav)
flac=$(ls "$work"/flac/*.flac)
flac --silent --test "$flac" 2>"$work/flac.log" || fail "flac -t after the server's death: $(cat "$work/flac.log")"
same_samples "$wav" "$flac"
least=$(stat -c %s "$work/flac.raw")
[ "$least" -gt 20000 ] || fail "$least bytes are left of the killed server's FLAC file"
# One may be further than the other by what waits for a write: 200 ms, and a FLAC frame.
agree 8000

# Two sinks in one directory are refused before anything starts, by both names.
sed "s|$work/flac|$work/wav|" "$work/sidestream.toml" >"$work/collision.toml"
if "$sidestream" check "$work/collision.toml" >"$work/check.log" 2>&1; then fail "check takes two sinks in one directory"; fi
grep -q 'the sink `wav` and the sink `flac` would both write' "$work/check.log" || fail "check says: $(cat "$work/check.log")"
if "$sidestream" serve --config "$work/collision.toml" >"$work/serve.log" 2>&1; then fail "the server starts with two sinks in one directory"; fi
grep -q 'would both write' "$work/serve.log" || fail "serve says: $(cat "$work/serve.log")"
