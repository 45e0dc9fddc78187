#!/usr/bin/env bash
# Transfers: blind from either side, to somebody who is busy, to a number of the switch, attended and to a number that still rings with
# REFER and Replaces, and a call that moves by Replaces, with and without an offer.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

# target SCENARIO [ARGUMENT…], targeted: a third party at 8…, and its end.
target() {
    sipp_start target "$@" -p "$target_port"
    target_pid=$sipp_pid
    wait_for 5 python3 "$helpers/ports.py" --taken "$target_port" || fail "sipp $1 does not listen"
}
targeted() { sipp_wait target "$target_pid"; }

target_port=$(free_port)
peer_more="may_transfer = true"
configure <(printf '[[routes]]\npattern = "8*"\ntarget = "sip:{number}@127.0.0.1:%s"\n' "$target_port")
serve

target called_is_target
pair caller_is_transferred called_transfers
targeted
target called_is_target
pair caller_transfers called_is_transferred
targeted
target uas_busy
pair caller_transfers_in_vain called_stays
targeted
target uas_busy
pair caller_stays called_transfers_in_vain
targeted
target called_meets
pair caller_introduces called_is_introduced
targeted
target called_meets
pair caller_introduced called_introduces
targeted
pair caller_replaces called_renews
pair caller_introduced called_moves
pair caller_replaces_late called_renews
target uas_rings_again -m 2
pair caller_hands_on called_is_introduced
targeted
pair caller_hears_echo called_connects_to_echo
expect_empty
