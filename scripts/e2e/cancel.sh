#!/usr/bin/env bash
# The caller gives up while it rings: both sides are told, nothing is left.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

configure
serve
answer_with uas_ringing
call_from cancel uac_cancel -s 7001
answered
check_calls outcome cancelled 487
expect_empty
