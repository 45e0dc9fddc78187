#!/usr/bin/env bash
# The caller holds and comes back while its audio is streamed: one stream with one id, and a held span in its manifest.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

speech
start_sink sink
configure <(streaming "asr=$sink_url")
serve
answer_with uas_hold
call_from hold uac_hold -s 7001
answered
wait_for 5 test -s "$work/sink.json" || fail "the sink has no report"
check report audio held <"$work/sink.json"
[ "$(wc -l <"$work/sink.json")" = 1 ] || fail "the hold made a second stream"
stream=$(json "$work/sink.json" stream)
api GET "/v1/streams/$stream/manifest" | check spans audio held audio
expect_empty
