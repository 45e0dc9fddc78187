#!/usr/bin/env bash
# SIP inside TLS, over WebSocket and over WebSocket inside TLS: baresip registers and is called over TLS, also after its server's
# certificate was renewed; a WebSocket phone registers, is called, refuses, answers, holds, calls, and is gone.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"
. "$(dirname "$0")/lib/baresip.sh"

# certificate: a new one for this machine, of an authority that stays.
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=sip -keyout "$work/sip-key.pem" -out "$work/sip.csr" 2>/dev/null
    openssl x509 -req -in "$work/sip.csr" -CA "$work/ca.pem" -CAkey "$work/ca-key.pem" -CAcreateserial -days 30 \
        -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") -out "$work/sip.new" 2>/dev/null
    mv "$work/sip.new" "$work/sip.pem"
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=authority \
    -keyout "$work/ca-key.pem" -out "$work/ca.pem" 2>/dev/null
certificate

sip_port=$(free_port)
tls_port=$(free_port)
ws_port=$(free_port)
wss_port=$(free_port)
listen="\"udp:127.0.0.1:$sip_port\", \"tls:127.0.0.1:$tls_port\", \"ws:127.0.0.1:$ws_port\", \"wss:127.0.0.1:$wss_port\""
# This baresip knows MD5 and gives up when it sees another hash beside it.
sip_more="digest = [\"md5\"]
[sip.tls]
certificate = \"$work/sip.pem\"
key = \"$work/sip-key.pem\"
look_every_s = 3600
[sip.websocket]
origins = [\"https://phone.example\"]"
configure
"$sidestream" check "$work/sidestream.toml" >"$work/check.log" 2>&1 || fail "check refuses the configuration: $(cat "$work/check.log")"
grep -q 'sip.pem expires in 2[89] days' "$work/check.log" || fail "check does not tell how long the certificate holds"
serve

sox "$root/config/prompts/agent.wav" -b 16 -e signed-integer -r 8000 -c 1 "$work/1000.wav"
config_more="sip_cafile $work/ca.pem"
baresip_phone 1000 "127.0.0.1:$tls_port;transport=tls"
wait_for 10 metric_is sidestream_switch_registrations 1 || fail "baresip did not register over TLS"
python3 "$helpers/ws_phone.py" call "$sip" 1000 || fail "baresip was not called over TLS"
certificate
kill -HUP "$server_pid"
wait_for 10 metric_is sidestream_tls_reloads_total 1 || fail "the new certificate was not taken up"
python3 "$helpers/ws_phone.py" call "$sip" 1000 || fail "baresip's connection did not outlive the old certificate"
say "baresip over TLS"

for url in "ws://127.0.0.1:$ws_port/" "wss://localhost:$wss_port/sip"; do
    PASSWORD=$password CA="$work/ca.pem" "$venv/bin/python" "$helpers/ws_phone.py" phone "$sip" "$url" >"$work/phone.log" 2>&1 || fail "$url: $(tail -n 1 "$work/phone.log")"
    say "$url"
done
[ "$(metric sidestream_ws_refused_total)" = 4 ] || fail "upgrades that had to be refused were not"
expect_empty
