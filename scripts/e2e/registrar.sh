#!/usr/bin/env bash
# Two phones register with digest, one calls the other through the registrar; a wrong password and a call without one are refused.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

# credentials FILE METHOD URI USER PASSWORD: the injection file of the scenarios.
credentials() {
    printf 'SEQUENTIAL\n%s;%s\n' "$4" "$(python3 "$helpers/digest.py" "$sip" "$2" "$3" "$4" "$5")" >"$work/$1"
}

trusted=no
speech
configure
serve
credentials wrong.csv REGISTER "sip:$sip" 1001 not-the-password
credentials register.csv REGISTER "sip:$sip" 1001 "$password"
credentials call.csv INVITE "sip:1001@$sip" 1000 "$password"

sipp_start wrong register_refused -p "$uas_port" -inf wrong.csv
sipp_wait wrong "$sipp_pid"
sipp_start register register -p "$uas_port" -inf register.csv
sipp_wait register "$sipp_pid"
wait_for 5 metric_is sidestream_switch_registrations 1 || fail "the phone is not counted as registered"

answer_with uas
call_from digest uac_digest -inf call.csv -s 1001 -d 2000
answered
check_calls relayed 80
expect_empty
