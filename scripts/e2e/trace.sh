#!/usr/bin/env bash
# The messages of a call, while it is remembered: as a list, in full without its proofs, and as a capture that tshark reads.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

start_server
"$sidestream" call --server "$sip" --user 1000 --password "$password" --duration 1 9197 >"$work/call.log" 2>&1 || fail "the call failed"
call=$(api GET '/v1/calls?state=all' | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][-1]["call"])')
"$sidestream" trace "$call" >"$work/trace.log"
for line in '<- .* INVITE sip:' '-> .* SIP/2.0 401' '<- .* ACK sip:' '-> .* SIP/2.0 200' 'BYE sip:'; do
    grep -q -- "$line" "$work/trace.log" || fail "the list has no line like $line"
done
"$sidestream" trace "$call" --full >"$work/full.log"
grep -qE 'response="?x{16,}' "$work/full.log" || fail "the proof of the password is not hidden"
grep -qE 'response="?[0-9a-f]{32}' "$work/full.log" && fail "a proof of the password is shown"
"$sidestream" trace "$call" --pcap "$work/call.pcap"
port=${sip##*:}
tshark -r "$work/call.pcap" -o udp.check_checksum:TRUE -d "udp.port==$port,sip" -T fields -e sip.CSeq.method -e udp.checksum.status \
    >"$work/tshark.log" 2>/dev/null
[ "$(wc -l <"$work/trace.log")" -eq "$(wc -l <"$work/tshark.log")" ] || fail "the capture has another number of messages"
awk '$2 != 1 { bad = 1 } END { exit bad }' "$work/tshark.log" || fail "a packet has a wrong checksum"
grep -q '^BYE' "$work/tshark.log" || fail "the capture has no BYE"
curl -s -H "Authorization: Bearer $key" "$http/metrics" >"$work/metrics.log"
grep -q 'sidestream_sip_requests_total{direction="received",method="BYE"}\|sidestream_sip_requests_total{direction="sent",method="BYE"}' \
    "$work/metrics.log" || fail "no BYE was counted"
