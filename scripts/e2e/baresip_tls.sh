#!/usr/bin/env bash
# baresip over TLS, with a certificate that it verifies, calls baresip over TCP: hold and return, then a blind transfer to SIPp.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"
. "$(dirname "$0")/lib/baresip.sh"


trusted=no
sip_port=$(free_port)
tls_port=$(free_port)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=127.0.0.1" -addext "subjectAltName=IP:127.0.0.1" \
    -keyout "$work/key.pem" -out "$work/certificate.pem" 2>"$work/openssl.log" || fail "no certificate"
listen="\"udp:127.0.0.1:$sip_port\", \"tcp:127.0.0.1:$sip_port\", \"tls:127.0.0.1:$tls_port\""
sip_more="digest = [\"md5\"]
[sip.tls]
certificate = \"$work/certificate.pem\"
key = \"$work/key.pem\""
configure
serve
sox "$root/config/prompts/customer.wav" -b 16 -e signed-integer -r 8000 -c 1 "$work/1000.wav" repeat 5
sox "$root/config/prompts/agent.wav" -b 16 -e signed-integer -r 8000 -c 1 "$work/1001.wav" repeat 5

modules="sndfile ctrl_tcp"
baresip_control 1001
baresip_phone 1001 "127.0.0.1:$sip_port;transport=tcp"
baresip_control 1000
config_more+="
sip_transports tls
sip_cafile $work/certificate.pem
sip_verify_server yes"
baresip_phone 1000 "127.0.0.1:$tls_port;transport=tls"
wait_for 15 metric_is sidestream_switch_registrations 2 || fail "baresip did not register over TLS"
baresip_tell 1000 dial "sip:1001@127.0.0.1:$tls_port;transport=tls"
wait_for 10 has_leg 1001 || fail "the call was not answered"
sleep 2
baresip_tell 1000 hold
wait_for 5 holds yes || fail "the call is not held"
baresip_tell 1000 resume
wait_for 5 holds no || fail "the call is still held"
sleep 2
answer_with called_is_target
baresip_tell 1000 transfer "sip:7001@127.0.0.1:$tls_port"
wait_for 10 has_leg 7001 || fail "the call was not transferred: $(api GET /v1/calls)"
answered
wait_for 5 test_empty || fail "the transferred call did not end: $(left)"
check_calls outcome completed
expect_empty
