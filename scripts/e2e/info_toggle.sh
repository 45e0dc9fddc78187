#!/usr/bin/env bash
# The customer's audio is forked to a WebSocket sink and toggled by SIP INFO; what the sink got adds up. What INFO must not do is
# refused while the call goes on.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

speech
start_sink sink
configure <(streaming "asr=$sink_url")
serve
answer_with uas
call_from toggle uac_info -s 7001
answered
wait_for 5 test -s "$work/sink.json" || fail "the sink has no report"
check report audio paused <"$work/sink.json"

answer_with uas
call_from refused uac_info_refused -s 7001
answered
wait_for 5 lines_are "$work/sink.json" 2 || fail "the sink got $(wc -l <"$work/sink.json") streams instead of 2"
check report audio <"$work/sink.json"
check_calls relayed 25
expect_empty
