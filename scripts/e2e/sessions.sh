#!/usr/bin/env bash
# Session timers: the server refreshes each leg after 45 s, by re-INVITE or UPDATE as the peer can; too short an interval is refused.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

sipp_timeout=55
media_more='hang_up_on_inactivity = false'
configure
serve
call_from caller_is_too_quick caller_is_too_quick -s 7001
pair caller_refreshes called_plainly
pair caller_talks called_refreshes -d 1500
pair caller_is_refreshed called_is_refreshed
expect_empty
