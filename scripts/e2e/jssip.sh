#!/usr/bin/env bash
# JsSIP in Chromium, over WebSocket and over WebSocket inside TLS: a page registers, is called and refuses, is called in vain, asks
# for OPTIONS, calls (its media is DTLS-SRTP, which is answered with 488), unregisters; a page of elsewhere is not let in.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

modules="$root/target/npm"
[ -s "$modules/jssip.js" ] || fail "JsSIP is missing in target/npm: scripts/test puts it there"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=sip -addext subjectAltName=IP:127.0.0.1 \
    -keyout "$work/sip-key.pem" -out "$work/sip.pem" 2>/dev/null
sip_port=$(free_port)
ws_port=$(free_port)
wss_port=$(free_port)
page_port=$(free_port)
listen="\"udp:127.0.0.1:$sip_port\", \"ws:127.0.0.1:$ws_port\", \"wss:127.0.0.1:$wss_port\""
sip_more="[sip.tls]
certificate = \"$work/sip.pem\"
key = \"$work/sip-key.pem\"
[sip.websocket]
origins = [\"http://127.0.0.1:$page_port\"]"
# A browser on the loopback shows its password as any other phone does.
trusted=no
media_ports=80
configure
serve

for url in "ws://127.0.0.1:$ws_port/" "wss://127.0.0.1:$wss_port/sip"; do
    MODULES=$modules PASSWORD=$password SIDESTREAM=$sidestream timeout 50 node "$helpers/jssip.js" "$url" "$sip" "$page_port" >"$work/browser.log" 2>&1 ||
        fail "$url: $(grep -m 1 -E 'Error' "$work/browser.log" || tail -n 1 "$work/browser.log")"
    say "$url"
done
[ "$(metric sidestream_ws_refused_total)" = 2 ] || fail "the pages of elsewhere were not refused"
wait_for 5 metric_is sidestream_switch_registrations 0 || fail "a registration is left"
expect_empty
