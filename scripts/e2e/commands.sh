#!/usr/bin/env bash
# The commands against a server: asked, shown as curl, a call whose stream is toggled, and a server that stops when told to.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

start_server
"$sidestream" calls | grep -qx none || fail "a new server has calls"
"$sidestream" calls --json | grep -qx '{"calls":\[\]}' || fail "calls --json"
"$sidestream" stream list | grep -qx none || fail "a new server has streams"
# What --curl shows is what a shell can run.
eval "$("$sidestream" calls --curl) --silent --fail" | grep -q '"calls"' || fail "the curl that is shown does not work"
if "$sidestream" stream stop 01ARZ3NDEKTSV4RRFFQ69G5FAV 2>"$work/refused.log"; then fail "a call that is not there was found"; fi
grep -q 404 "$work/refused.log" || fail "not refused with 404: $(cat "$work/refused.log")"
if SIDESTREAM_KEY=wrong "$sidestream" calls 2>"$work/key.log"; then fail "a wrong key was taken"; fi
grep -q 401 "$work/key.log" || fail "not refused with 401: $(cat "$work/key.log")"

# A phone calls the talking agent, hears it, and is in the list while it listens.
"$sidestream" call 9000 --server "$sip" --password "$password" --duration 3 --json >"$work/call.json" 2>"$work/call.log" &
call_pid=$!
wait_for 5 bash -c "'$sidestream' calls --json | grep -q '\"state\":\"answered\"'" || fail "the call is not in the list"
call="$("$sidestream" calls --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][0]["call"])')"
"$sidestream" stream start "$call" --label s1 | grep -q scope || fail "the stream did not start"
wait_for 5 bash -c "'$sidestream' stream list $call | grep -q active" || fail "the stream did not become active"
"$sidestream" stream pause "$call" s1 | grep -q paused || fail "the stream did not pause"
"$sidestream" stream resume "$call" s1 | grep -q active || fail "the stream did not resume"
"$sidestream" stream stop "$call" s1 | grep -q ended || fail "the stream did not stop"
wait "$call_pid" || fail "the call failed: $(cat "$work/call.json")"
wait_for 5 bash -c "'$sidestream' calls | grep -qx none" || fail "the call is still there"

"$sidestream" print-config >"$work/sample.toml"
test -s "$work/sample.toml" || fail "no sample configuration"
"$sidestream" doctor --json --listen 127.0.0.1:0 | grep -q '"ok":true' || fail "doctor"

stop_process "$server_pid"
test ! -e "$work/ready.json" || fail "a stopped server left its file"
