#!/usr/bin/env bash
# Metrics, alerts and the board: promtool finds the metrics of a server with a call, a stream, a trunk and a dead sink well named, and the
# alert rules doing what their test says; whatever a rule or a panel asks for is told by that server.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
command -v promtool >/dev/null || fail "promtool is missing: the Debian package prometheus has it"
rules="$root/deploy/prometheus"

promtool check rules "$rules/sidestream.rules.yml" >"$work/rules.log" 2>&1 || fail "the rules"
promtool test rules "$rules/sidestream.test.yml" >"$work/rules-test.log" 2>&1 || fail "the test of the rules"

cat >"$work/sidestream.toml" <<EOF
[sip]
listen = ["udp:127.0.0.1:0"]
[media]
bind = "127.0.0.1"
[http]
listen = "127.0.0.1:0"
[[http.tokens]]
id = "test"
secret = "Zq8vn3Kd5pw2Zq8vn3Kd5pw2"
[[users]]
name = "1000"
password = "Zq8-vn3-Kd5-pw2"
may_control_streams = true
[[trunks]]
name = "acme"
addresses = ["sip:127.0.0.1:1"]
networks = ["192.0.2.0/24"]
[[sinks]]
name = "gone"
kind = "websocket"
url = "ws://127.0.0.1:1/"
[[sinks]]
name = "scope"
kind = "scope"
EOF
start_server --config "$work/sidestream.toml"
for sink in scope gone; do
    "$sidestream" call 9196 --server "$sip" --user 1000 --password Zq8-vn3-Kd5-pw2 --play "$root/config/prompts/customer.wav" --duration 2 \
        --info "100:{\"v\":1,\"op\":\"start\",\"stream\":\"s\",\"sink\":\"$sink\"}" >"$work/call.log" 2>&1 || fail "the call: $(cat "$work/call.log")"
done
tells() { api GET /metrics >"$work/metrics" && grep -q 'sidestream_calls_total{.*} 2$' "$work/metrics" && grep -q 'sidestream_sink_connect_failures_total{sink="gone"' "$work/metrics"; }
wait_for 10 tells || fail "the metrics tell nothing of the calls"
python3 "$(dirname "$0")/lib/observability.py" "$work/metrics" "$rules/sidestream.rules.yml" "$root/deploy/grafana/sidestream.json" >"$work/metrics.txt" 2>"$work/observability.log" ||
    fail "$(tail -n 1 "$work/observability.log")"
promtool check metrics <"$work/metrics.txt" >"$work/promtool.log" 2>&1 || fail "names: $(head -n 3 "$work/promtool.log")"
