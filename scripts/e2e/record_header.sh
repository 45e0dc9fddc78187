#!/usr/bin/env bash
# INFO with `Record: on` and `Record: off`, as phones with a record key send it, starts and stops the configured profile.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

speech
mkdir "$work/wav"
configure <(streaming "recorder=$work/wav")
serve
answer_with uas
call_from record uac_record -s 7001
answered
check_calls stream record ended
wav=$(find "$work/wav" -name '*.wav')
[ -n "$wav" ] || fail "no recording was written"
seconds=$(soxi -D "$wav")
python3 -c "import sys; sys.exit(not 1.2 <= $seconds <= 2.2)" || fail "the recording is $seconds s long, not 1.5 s"
[ "$(soxi -c "$wav")" = 2 ] || fail "the recording has not two channels"
sox "$wav" -n remix 1 stat 2>&1 | awk '/RMS.*amplitude/ {exit !($3 > 0.01)}' || fail "the recording's first channel is silent"
expect_empty
