#!/usr/bin/env bash
# Malformed SIP, SDP, RTP, INFO and JSON: the right answer to each, one counter, nothing else changes.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

start_sink sink
configure <(streaming "asr=$sink_url")
serve
python3 "$helpers/bad_input.py" "$sip" "$http" "$key" asr >"$work/bad_input.log" 2>&1 || fail "$(last_error "$work/bad_input.log")"
wait_for 5 lines_are "$work/sink.json" 1 || fail "the sink has no report"
check report audio <"$work/sink.json"
check_calls unhurt
expect_empty
