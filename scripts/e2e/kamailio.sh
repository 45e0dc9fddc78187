#!/usr/bin/env bash
# Kamailio on both sides of the server, with Record-Route: it balances calls to it, carries them on to a phone, and ends none of them.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"
. "$(dirname "$0")/lib/kamailio.sh"

sip_port=$(free_port)
configure
called_port=$uas_port
kamailio_start "$sip_port" "$called_port"
# What the server calls at 7… goes through Kamailio.
sed -i "s/@127.0.0.1:$called_port\"/@127.0.0.1:$kamailio_port\"/" "$work/sidestream.toml"
serve
# The dead server of its list is noticed by OPTIONS, and ours is found alive.
sleep 4
through="127.0.0.1:$kamailio_port"
routed=yes
pair caller_holds called_is_held
pair caller_is_held called_holds
pair caller_acknowledges called_reliably
pair caller_cancels called_too_late
expect_empty

# As outbound proxy: the number leads to the phone itself, the request goes through Kamailio all the same.
stop_process "$server_pid"
sed -i "s/@127.0.0.1:$kamailio_port\"/@127.0.0.1:$called_port\"/; s/^\[sip\]$/[sip]\noutbound_proxy = \"sip:127.0.0.1:$kamailio_port;lr\"/" "$work/sidestream.toml"
serve
through=$sip
pair caller_holds called_is_held
expect_empty
