#!/usr/bin/env bash
# A call whose RTP ceases on both sides is ended by the server, which tells why.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

media_more='inactivity_s = 3'
configure
serve
pair caller_is_dropped called_is_dropped
check_calls outcome completed
expect_empty
