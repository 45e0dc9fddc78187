#!/usr/bin/env bash
# The unmodified boto3 client starts and stops streams of a live call, idempotently, and gets its own exceptions.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

python=$venv/bin/python
[ -x "$python" ] || python=python3
start_sink sink
configure <(streaming "asr=$sink_url" "other=$sink_url")
serve
"$sidestream" call 9000 --server "$sip" --duration 12 --json >"$work/call.json" 2>&1 &
call_pid=$!
started+=("$call_pid")
wait_for 5 bash -c "'$sidestream' calls --json | grep -q '\"state\":\"answered\"'" || fail "the call is not up"
call=$(api GET /v1/calls | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][0]["call"])')
streams=$("$python" "$helpers/boto3_client.py" "$http" "$key" "$call" 2>"$work/boto3.log") || fail "$(last_error "$work/boto3.log")"
wait_for 5 lines_are "$work/sink.json" 2 || fail "the sink has $(wc -l <"$work/sink.json") reports of: $streams"
api DELETE "/v1/calls/$call" >/dev/null || fail "the call could not be hung up"
wait "$call_pid" || true
expect_empty
