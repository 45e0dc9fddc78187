#!/usr/bin/env bash
# A live call is recorded into the stream store and a Matroska file: boto3's clients of Kinesis Video Streams read it while it goes on and
# afterwards, a parser that is not ours takes it apart, both tracks hold what was spoken, and a reader that does not read changes nothing.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

python=$venv/bin/python
[ -x "$python" ] || python=python3
configure <(
    printf '[streaming]\ndefault_sink = "calls"\n'
    printf '[[sinks]]\nname = "calls"\nkind = "store"\ndirectory = "%s"\nfragment_ms = 500\n' "$work/store"
    printf '[[sinks]]\nname = "archive"\nkind = "matroska"\ndirectory = "%s"\n' "$work/mkv"
)
speech
serve
answer_with uas
sipp_start talking uac -p "$uac_port" -s 7001 -d 12000
talking_pid=$sipp_pid
wait_for 10 bash -c "'$sidestream' calls --json | grep -q '\"state\":\"answered\"'" || fail "the call is not up"
call=$(api GET /v1/calls | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][0]["call"])')
stream=$(api POST "/v1/calls/$call/streams" '{"sink":"calls","tracks":["from_customer","to_customer"]}' | python3 -c 'import json,sys; print(json.load(sys.stdin)["streams"][0]["stream"])')
api POST "/v1/calls/$call/streams" '{"sink":"archive","tracks":["from_customer","to_customer"]}' >/dev/null || fail "the file's stream did not start"
"$python" "$helpers/store_client.py" "$http" "$key" "$call" "$stream" "$work" 2>"$work/client.log" || fail "$(last_error "$work/client.log")"
sipp_wait talking "$talking_pid"
answered
check_calls relayed 500
sox -t wav "$root/config/prompts/customer.wav" -r 8000 -c 1 -b 16 "$work/said.wav"
for track in AUDIO_FROM_CUSTOMER AUDIO_TO_CUSTOMER; do
    python3 "$helpers/correlate.py" "$work/said.wav" "$work/$track.wav" >"$work/$track.log" || fail "$track does not hold what was said: $(cat "$work/$track.log")"
done

[ -n "$(api GET "/v1/streams/$stream" | python3 -c 'import json,sys; print(json.load(sys.stdin)["store"]["stop_fragment"])')" ] || fail "the stream does not show its fragments"

# The file: a validator, a player, and the speech again.
mkv=$(ls "$work"/mkv/*.mkv)
mkvinfo "$mkv" >"$work/mkvinfo.log" 2>&1 || fail "mkvinfo: $(tail -n 1 "$work/mkvinfo.log")"
for word in AUDIO_FROM_CUSTOMER AUDIO_TO_CUSTOMER A_PCM/INT/LIT; do
    grep -q "$word" "$work/mkvinfo.log" || fail "mkvinfo does not see $word"
done
[ "$(ffprobe -v error -show_entries format_tags=CONTACTID -of default=nw=1:nk=1 "$mkv")" = "$call" ] || fail "ffprobe does not see the contact"
for track in 0 1; do
    ffmpeg -v error -xerror -i "$mkv" -map "0:$track" -c:a pcm_s16le "$work/track$track.wav" </dev/null || fail "ffmpeg does not decode track $track"
    python3 "$helpers/correlate.py" "$work/said.wav" "$work/track$track.wav" >"$work/track$track.log" || fail "the file's track $track: $(cat "$work/track$track.log")"
done
wait_for 5 test -s "${mkv%.mkv}.json" || fail "there is no manifest beside the file"
[ "$(metric sidestream_stream_store_readers)" = 0 ] || fail "a reader is left"
[ "$(metric sidestream_stream_store_written_total)" -gt 10 ] || fail "few fragments were counted: $(metric sidestream_stream_store_written_total)"
expect_empty

# A crash: the last fragment is torn, everything else is there again.
before=$(metric sidestream_stream_store_fragments)
kill -KILL "$server_pid"
wait "$server_pid" 2>/dev/null || true
last=$(ls "$work"/store/*/*.mkv | tail -n 1)
python3 - "$last" <<'PYTHON'
import sys
path = sys.argv[1]
with open(path, "rb") as file:
    beginning = file.read(3000)
with open(path, "ab") as file:
    file.write(beginning)
PYTHON
serve
[ "$(metric sidestream_stream_store_fragments)" = "$before" ] || fail "of $before fragments $(metric sidestream_stream_store_fragments) are left after a crash"
[ "$(metric sidestream_stream_store_torn_total)" = 1 ] || fail "the torn fragment was not seen"
