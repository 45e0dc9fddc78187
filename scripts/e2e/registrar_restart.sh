#!/usr/bin/env bash
# A phone registers, the server is killed and started again, and the phone is called without having registered again.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

# credentials FILE USER: the injection file of the scenarios.
credentials() {
    printf 'SEQUENTIAL\n%s;[authentication username=%s password=%s]\n' "$2" "$2" "$password" >"$work/$1"
}

trusted=no
sip_more='digest = ["md5", "sha-256"]'
speech
sip_more="$sip_more
[sip.registrar]
store = \"$work/registrations.redb\""
configure
serve
credentials register.csv 1001
credentials call.csv 1000
sipp_start register register -p "$uas_port" -inf register.csv
sipp_wait register "$sipp_pid"
wait_for 5 metric_is sidestream_store_written_total 1 || fail "the registration is not on disk"

kill -KILL "$server_pid"
wait "$server_pid" 2>/dev/null || true
serve
wait_for 5 metric_is sidestream_switch_registrations 1 || fail "the registration is not back"
answer_with uas
call_from digest uac_digest -inf call.csv -auth_uri "1001@$sip" -s 1001 -d 2000
answered
check_calls relayed 80
expect_empty
