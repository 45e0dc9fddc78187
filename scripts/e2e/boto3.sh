#!/usr/bin/env bash
# The unmodified boto3 client starts and stops streams of a live call, idempotently, records it, reads and changes what is known of
# it, looks at queues and agents, ends it, and gets its own exceptions.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

python=$venv/bin/python
[ -x "$python" ] || python=python3
start_sink sink
cat >"$work/desk.toml" <<'END'
[acd]
custom_states = ["lunch"]
[queues.sales]
[queues.help]
[routing_profiles.all]
queues = [{ queue = "sales" }, { queue = "help", priority = 2 }]
[agents.ann]
user = "1000"
profile = "all"
[agents.bob]
user = "1001"
profile = "all"
END
configure <(streaming "recorder=$work/wav" "asr=$sink_url" "other=$sink_url") "$work/desk.toml"
secret=$(sed -n '/tokens/,/secret/s/^secret = "\(.*\)"/\1/p' "$work/sidestream.toml")
# A second key, for queues alone.
printf '[[http.tokens]]\nid = "reader"\nsecret = "%s"\nscopes = ["queues"]\n' "$(printf %s "$secret" | rev)" >>"$work/sidestream.toml"
serve
"$sidestream" call 9000 --server "$sip" --duration 30 --json >"$work/call.json" 2>&1 &
call_pid=$!
started+=("$call_pid")
wait_for 5 bash -c "'$sidestream' calls --json | grep -q '\"state\":\"answered\"'" || fail "the call is not up"
call=$(api GET /v1/calls | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][0]["call"])')
streams=$("$python" "$helpers/boto3_client.py" "$http" "$key" "$call" 2>"$work/boto3.log") || fail "$(last_error "$work/boto3.log")"
wait_for 5 lines_are "$work/sink.json" 2 || fail "the sink has $(wc -l <"$work/sink.json") reports of: $streams"
"$python" "$helpers/boto3_contacts.py" "$http" "$key" "$call" "$work/wav" >"$work/contacts.log" 2>&1 || fail "$(last_error "$work/contacts.log")"
wait "$call_pid" || true
expect_empty
