#!/usr/bin/env bash
# The called party is busy: the caller is told the same status, nothing is left.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

configure
serve
answer_with uas_busy
call_from reject uac_refused -s 7001
answered
check_calls outcome busy 486
expect_empty
