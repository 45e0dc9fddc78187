#!/usr/bin/env bash
# Requests outside of calls have the right answers: OPTIONS 200, and 404, 405, 420, 481, 483, 501.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

configure
serve
call_from options uac_options
call_from unknown uac_unknown -s 4711
expect_empty
