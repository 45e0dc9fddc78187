#!/usr/bin/env bash
# A copy as RTP, which ffmpeg plays back: both tracks sound as they were said, and a pause keeps its time.
# Runs alone: a phone that is kept from speaking for 100 ms leaves a hole in what is heard, and a recording with holes is not as it was said.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

port=$(python3 "$helpers/ports.py" 4)
configure <(printf '[streaming]\ndefault_sink = "copy"\n[[sinks]]\nname = "copy"\nkind = "rtp"\naddress = "127.0.0.1:%s"\nencoding = "pcmu"\n' "$port")
serve
sox "$root/config/prompts/customer.wav" -r 8000 -c 1 -b 16 "$work/said.wav" trim 0 8 pad 0 1

# receive NAME PORT: ffmpeg, with what is missing filled in by the timestamps.
receivers=()
receive() {
    printf 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=copy\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio %s RTP/AVP 0\na=rtpmap:0 PCMU/8000\n' "$2" >"$work/$1.sdp"
    ffmpeg -nostdin -loglevel warning -protocol_whitelist file,rtp,udp -i "$work/$1.sdp" -af aresample=async=1:min_hard_comp=0.01:first_pts=0 \
        -ar 8000 -ac 1 -c:a pcm_s16le -f wav -y "$work/$1.wav" 2>"$work/$1.log" &
    receivers+=("$!")
    started+=("$!")
    wait_for 10 python3 "$helpers/ports.py" --taken "$2" || fail "ffmpeg does not listen"
}
receive from "$port"
receive to "$((port + 2))"
tshark -q -i lo -f "udp portrange $port-$((port + 3))" -w "$work/copy.pcapng" >"$work/tshark.log" 2>&1 &
tshark_pid=$!
started+=("$tshark_pid")
wait_for 10 test -s "$work/copy.pcapng" || fail "tshark does not listen"

"$sidestream" call 9196 --server "$sip" --user 1000 --password "$password" --play "$work/said.wav" --duration 8 --json \
    --info '0:{"v":1,"op":"start","stream":"copy","tracks":["from_customer","to_customer"]}' \
    --info '3000:{"v":1,"op":"pause","stream":"copy"}' --info '4000:{"v":1,"op":"resume","stream":"copy"}' >"$work/call.json" 2>&1 ||
    fail "the call failed: $(cat "$work/call.json")"
expect_empty
stream=$(api GET '/v1/calls?state=ended' | python3 -c 'import json,sys; print(*(it["stream"] for call in json.load(sys.stdin)["calls"] for it in call["streams"]))')
api GET "/v1/streams/$stream/manifest" >"$work/manifest" || fail "no manifest: $stream"
# The goodbye ends a receiver by itself.
for pid in "${receivers[@]}"; do
    kill -INT "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
done
kill -INT "$tshark_pid"
wait "$tshark_pid" 2>/dev/null || true

# where FILE: by how many seconds what was heard lies behind what was said.
where() {
    python3 "$helpers/correlate.py" "$work/said.wav" "$1" >"$work/correlation" || fail "$(basename "$1"): $(cat "$work/correlation")"
    say "$(basename "$1"): $(cat "$work/correlation")"
    awk '{print $3 - $10}' "$work/correlation"
}
for track in from to; do
    sox "$work/$track.wav" "$work/$track-before.wav" trim 0 2.8
    sox "$work/$track.wav" "$work/$track-after.wav" trim 4.2
    before=$(where "$work/$track-before.wav")
    after=$(where "$work/$track-after.wav")
    python3 -c "import sys; sys.exit(abs($before - $after - 4.2) > 0.03)" || fail "$track: $before s before the pause, $after s after it: time was not kept"
    sox "$work/$track.wav" -n trim 3.2 0.6 stat 2>&1 | awk '/RMS.*amplitude/ {exit !($3 < 0.001)}' || fail "$track: the pause is not silent"
done
# As a stranger reads the packets: no sequence number is missing, there are two sources, each port's RTCP reports and says goodbye.
streams=$(tshark -r "$work/copy.pcapng" -d "udp.port==$port,rtp" -d "udp.port==$((port + 2)),rtp" -q -z rtp,streams 2>/dev/null)
[ "$(grep -c 'g711U' <<<"$streams")" = 2 ] || fail "not two sources: $streams"
[ "$(awk '/g711U/ && / 0 \(0\.0%\)/' <<<"$streams" | wc -l)" = 2 ] || fail "numbers are missing: $streams"
# A packet behind a gap carries a marker, and none else but the first does. On a busy machine packets are late, and what is late is a gap.
for source in 0 1; do
    marks=$(tshark -r "$work/copy.pcapng" -d "udp.port==$((port + 2 * source)),rtp" -Y "udp.dstport==$((port + 2 * source)) && rtp.marker==1" 2>/dev/null | wc -l)
    gaps=$(python3 -c 'import itertools,json,sys
spans = json.load(open(sys.argv[1]))["tracks"][int(sys.argv[2])]["spans"]
print(sum(gap for gap, _ in itertools.groupby(span["kind"] in ("paused", "lost", "discarded") for span in spans)))' "$work/manifest" "$source")
    [ "$marks" -ge 2 ] && [ "$marks" -le $((1 + gaps)) ] || fail "$marks markers at the start and after $gaps gaps: $(cat "$work/manifest")"
    say "track $source: $marks markers at the start and after $gaps gaps"
done
for control in "$((port + 1))" "$((port + 3))"; do
    kinds=$(tshark -r "$work/copy.pcapng" -d "udp.port==$control,rtcp" -Y "udp.dstport==$control" -T fields -e rtcp.pt 2>/dev/null | tr '\n' ' ')
    case "$kinds" in *200*203*) ;; *) fail "RTCP at $control: $kinds" ;; esac
done
