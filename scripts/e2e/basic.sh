#!/usr/bin/env bash
# SIPp calls SIPp through the server: both directions of the speech are relayed, nothing is lost, nothing is left.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

speech
configure
serve
answer_with uas
call_from basic uac -s 7001 -d 3000
answered
check_calls relayed 130
expect_empty
