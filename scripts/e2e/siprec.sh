#!/usr/bin/env bash
# A call recorded by a session recording server that is SIPp: both tracks arrive as they were said, under their labels; a pause is a
# direction; the metadata is held against an XML Schema. The first server of the list is not there.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

srs_port=$(free_port)
nobody=$(free_port)
audio=$(python3 "$helpers/ports.py" 4)
configure <(printf '[streaming]\ndefault_sink = "recorder"\n[[sinks]]\nname = "recorder"\nkind = "siprec"\naddresses = ["sip:srs@127.0.0.1:%s;transport=tcp", "sip:srs@127.0.0.1:%s"]\n' "$nobody" "$srs_port")
serve
sox "$root/config/prompts/customer.wav" -r 8000 -c 1 -b 16 "$work/said.wav" trim 0 8 pad 0 1

tshark -q -i lo -f "udp port $srs_port or udp portrange $audio-$((audio + 3))" -w "$work/srs.pcapng" >"$work/tshark.log" 2>&1 &
tshark_pid=$!
started+=("$tshark_pid")
wait_for 10 test -s "$work/srs.pcapng" || fail "tshark does not listen"
sipp -sf "$scenarios/srs.xml" -i 127.0.0.1 -p "$srs_port" -mp "$audio" -m 1 -nostdin -trace_err -error_file "$work/srs.err" >"$work/srs.log" 2>&1 &
srs_pid=$!
started+=("$srs_pid")
wait_for 10 python3 "$helpers/ports.py" --taken "$srs_port" || fail "SIPp does not listen"

"$sidestream" call 9196 --server "$sip" --user 1000 --password "$password" --play "$work/said.wav" --duration 8 --json \
    --info '0:{"v":1,"op":"start","stream":"rec","tracks":["from_customer","to_customer"]}' \
    --info '3000:{"v":1,"op":"pause","stream":"rec"}' --info '4500:{"v":1,"op":"resume","stream":"rec"}' >"$work/call.json" 2>&1 ||
    fail "the call failed: $(cat "$work/call.json")"
wait "$srs_pid" || fail "the recording server saw something else: $(cat "$work/srs.err" 2>/dev/null)"
expect_empty
kill -INT "$tshark_pid"
wait "$tshark_pid" 2>/dev/null || true

# fields FILTER FIELD…: as tshark reads the capture.
fields() {
    local filter=$1
    shift
    tshark -r "$work/srs.pcapng" -o rtp.heuristic_rtp:TRUE -d "udp.port==$srs_port,sip" -d "udp.port==$audio,rtp" -d "udp.port==$((audio + 2)),rtp" \
        -Y "$filter" -T fields "$@" 2>/dev/null
}
counts=$(fields "udp.dstport==$srs_port && sip.Method==\"INVITE\"" -e udp.payload | python3 -c '
import sys
for line in sys.stdin:
    message = bytes.fromhex(line.strip().replace(":", ""))
    print(message.split(b"\r\n\r\n", 1)[1].hex())
' | "$venv/bin/python" "$helpers/rs_metadata.py" 1000 9196) || fail "the metadata is not that of RFC 7865"
[ "$counts" = "1 2" ] || fail "documents complete and partial: $counts instead of 1 2"

for track in 0 1; do
    port=$((audio + 2 * track))
    fields "udp.dstport==$port && rtp" -e rtp.timestamp -e rtp.payload -e rtp.ssrc >"$work/track$track"
    python3 - "$work/track$track" "$work/track$track.raw" <<'PY'
import sys
rows = [line.split("\t") for line in open(sys.argv[1])]
assert len({row[2] for row in rows}) == 1, "one source"
first = int(rows[0][0])
out = bytearray()
for stamp, payload, _ in rows:
    at = (int(stamp) - first) % 2**32
    out += b"\xff" * (at - len(out))
    data = bytes.fromhex(payload.replace(":", ""))
    out[at:at + len(data)] = data
open(sys.argv[2], "wb").write(out)
PY
    sox -t raw -e mu-law -b 8 -r 8000 -c 1 "$work/track$track.raw" -b 16 -e signed "$work/track$track.wav"
    python3 "$helpers/correlate.py" "$work/said.wav" "$work/track$track.wav" >"$work/correlation" || fail "track $track: $(cat "$work/correlation")"
    say "track $track: $(cat "$work/correlation")"
    sox "$work/track$track.wav" -n trim 3.4 0.8 stat 2>&1 | awk '/RMS.*amplitude/ {exit !($3 < 0.001)}' || fail "track $track: the pause is not silent"
done
one=$(cut -f3 "$work/track0" | sort -u)
other=$(cut -f3 "$work/track1" | sort -u)
[ "$one" != "$other" ] || fail "both tracks have one source"
