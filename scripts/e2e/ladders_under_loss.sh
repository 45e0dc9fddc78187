#!/usr/bin/env bash
# The ladders of the other scripts over a network that loses 5 % of all SIP, doubles some and changes its order: offers and answers
# in every place, 100rel, UPDATE, hold, transfers, Replaces, redirection, CANCEL races, refreshes. Every call goes as its ladder says, and
# nothing is left over. With LONG=1 at 20 % too, where one of the 29 may give up before its line does (about every second run), and with
# refreshes by the server, which come after 45 s.
# Runs alone: the phones' timers have to meet a busy line, not a busy machine.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

calls=(
    caller_offers_late,called_offers caller_is_asked,called_asks_for_offer caller_updates,called_updates
    caller_answers_in_prack,called_offers_reliably caller_offers_in_prack,called_is_offered_early
    caller_updates_early,called_updates_early caller_acknowledges,called_reliably caller_requires,called_plainly
    caller_plainly,called_reliably caller_in_glare,called_in_glare caller_glares,called_is_crossed caller_hears_early,called_forks
    caller_holds,called_is_held caller_is_held,called_holds caller_switches_off,called_is_switched_off
    caller_is_switched_off,called_switches_off caller_transfers,called_is_transferred,called_is_target
    caller_is_transferred,called_transfers,called_is_target caller_introduces,called_is_introduced,called_meets
    caller_replaces,called_renews caller_replaces_late,called_renews caller_cancels,called_too_late
    caller_takes_back,called_thinks caller_thinks,called_takes_back caller_refreshes,called_plainly caller_talks,called_refreshes
    caller_hears_nobody,called_tells_who
    caller_gives_up_with_reason,called_is_given_up_with_reason caller_talks,called_redirects,called_plainly
)
losses=(0.05)
if [ -n "${LONG:-}" ]; then
    calls+=(caller_is_refreshed,called_is_refreshed)
    losses+=(0.20)
fi

peer_more="may_transfer = true"
sip_more='redirects = "known"'
media_more='hang_up_on_inactivity = false'
media_ports=400
users() {
    local relay call name
    for relay in "${!losses[@]}"; do
        for call in "${!calls[@]}"; do
            for name in 4 6; do
                printf '[[users]]\nname = "%s%s%02d"\npassword = "%s"\n' "$name" "$relay" "$call" "$password"
            done
        done
    done
}
configure
users >>"$work/sidestream.toml"
serve

relays=() ways=()
for loss in "${losses[@]}"; do
    port=$(free_port)
    python3 "$helpers/faults.py" --server "$sip" --port "$port" --loss "$loss" --double 0.05 --reorder 0.1 --seed 11 \
        --report "$work/faults$loss.json" >"$work/relay$loss" 2>"$work/relay$loss.log" &
    started+=("$!")
    relays+=("$!")
    wait_for 10 grep -q ready "$work/relay$loss" || fail "the relay did not start"
    ways+=(--relay "127.0.0.1:$port")
done
python3 "$helpers/ladders.py" "${ways[@]}" --own "$sip" --password "$password" "${calls[@]}" >"$work/ladders.log" 2>&1 ||
    fail "$(grep -c '^user' "$work/ladders.log") calls went wrong: $(grep '^user' "$work/ladders.log" | head -n 5)"
say "$(tail -n 1 "$work/ladders.log")"
for relay in "${relays[@]}"; do
    kill -TERM "$relay"
    wait "$relay" || true
done
for loss in "${losses[@]}"; do
    say "the network: $(cat "$work/faults$loss.json")"
    python3 -c 'import json, sys; sys.exit(not all(json.load(open(sys.argv[1])).values()))' "$work/faults$loss.json" || fail "the network was too good"
done
[ "$(metric sidestream_calls_ended_by_bug_total)" = 0 ] || fail "calls ended by a bug"
expect_empty 40
