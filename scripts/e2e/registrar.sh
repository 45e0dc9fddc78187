#!/usr/bin/env bash
# Two phones register with digest, one calls the other through the registrar; a wrong password and a call without one are refused.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

# credentials FILE USER PASSWORD: the injection file of the scenarios.
credentials() {
    printf 'SEQUENTIAL\n%s;[authentication username=%s password=%s]\n' "$2" "$2" "$3" >"$work/$1"
}

trusted=no
# SIPp looks at the first challenge alone and knows MD5; the URI of its proof is told by -auth_uri.
sip_more='digest = ["md5", "sha-256"]'
speech
configure
serve
credentials wrong.csv 1001 not-the-password
credentials register.csv 1001 "$password"
credentials call.csv 1000 "$password"

sipp_start wrong register_refused -p "$uas_port" -inf wrong.csv
sipp_wait wrong "$sipp_pid"
sipp_start register register -p "$uas_port" -inf register.csv
sipp_wait register "$sipp_pid"
wait_for 5 metric_is sidestream_switch_registrations 1 || fail "the phone is not counted as registered"

answer_with uas
call_from digest uac_digest -inf call.csv -auth_uri "1001@$sip" -s 1001 -d 2000
answered
check_calls relayed 80
expect_empty
