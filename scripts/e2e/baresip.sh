#!/usr/bin/env bash
# baresip calls baresip through the registrar while the call is streamed: each hears what the other says, and so does the sink.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"
. "$(dirname "$0")/lib/baresip.sh"

trusted=no
# This baresip knows MD5 and gives up when it sees another hash beside it.
sip_more='digest = ["md5"]'
mkdir "$work/wav"
start_sink sink --wav "$work/wav"
configure <(streaming "asr=$sink_url")
serve
sox "$root/config/prompts/customer.wav" -b 16 -e signed-integer -r 8000 -c 1 "$work/1000.wav"
sox "$root/config/prompts/agent.wav" -b 16 -e signed-integer -r 8000 -c 1 "$work/1001.wav"

baresip_phone 1001 "$sip"
wait_for 10 metric_is sidestream_switch_registrations 1 || fail "the called baresip did not register"
baresip_phone 1000 "$sip" -e "/dial sip:1001@$sip"
wait_for 10 bash -c "'$sidestream' calls --json | grep -q '\"state\":\"answered\"'" || fail "the call was not answered"
call=$(api GET /v1/calls | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][0]["call"])')
"$sidestream" stream start "$call" --label s1 --tracks from-customer,to-customer >"$work/start.log" 2>&1 || fail "the stream did not start"
sleep 8
"$sidestream" stream stop "$call" s1 >/dev/null || fail "the stream did not stop"
api DELETE "/v1/calls/$call" >/dev/null
check_calls relayed 350
wait_for 5 lines_are "$work/sink.json" 1 || fail "the sink has no report"
check report audio <"$work/sink.json"
# baresip reports its clock by RTCP every five seconds.
stream=$(json "$work/sink.json" stream)
api GET "/v1/streams/$stream/manifest" | python3 -c '
import json, sys
for track in json.load(sys.stdin)["tracks"]:
    reports = track["sender_reports"]
    print(reports, file=sys.stderr)
    assert reports and reports["believed"] > 0 and reports["refused"] == 0, reports' || fail "the sender reports are not believed"
expect_empty

wav=$(find "$work/wav" -name '*.wav')
# Both channels of the sink's file, then what each phone heard, against what the other said.
for pair in "1000:$wav:1" "1001:$wav:2" "1001:$(ls "$work"/1000/heard/dump-*-dec.wav):1" "1000:$(ls "$work"/1001/heard/dump-*-dec.wav):1"; do
    IFS=: read -r said heard channel <<<"$pair"
    sox "$heard" -b 16 -e signed-integer -r 8000 "$work/heard.wav" remix "$channel" 2>/dev/null
    python3 "$helpers/correlate.py" "$work/$said.wav" "$work/heard.wav" >"$work/correlation.log" 2>&1 || fail "phone $said, in $(basename "$heard") channel $channel: $(tail -n 1 "$work/correlation.log")"
    say "phone $said, in $(basename "$heard") channel $channel: $(tail -n 1 "$work/correlation.log")"
done
