#!/usr/bin/env bash
# What a peer may do to the wire, tried from outside on a running server: every transport in both families, pieces and drips, keep-alives,
# limits, certificates that change, connections used backwards, large requests, forged and short questions, and what is seen of it.
. "$(dirname "$0")/lib/peers.sh"

# authority NAME; certificate AUTHORITY NAME SUBJECT_ALT_NAME: files $work/NAME.pem and $work/NAME-key.pem.
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
authority() { openssl req -x509 "${new_key[@]}" -days 30 -subj "/CN=$1" -keyout "$work/$1-key.pem" -out "$work/$1.pem" 2>/dev/null; }
certificate() {
    openssl req "${new_key[@]}" -subj "/CN=$2" -keyout "$work/$2-key.pem" -out "$work/$2.csr" 2>/dev/null
    openssl x509 -req -in "$work/$2.csr" -CA "$work/$1.pem" -CAkey "$work/$1-key.pem" -CAcreateserial -days 30 \
        -extfile <(echo "subjectAltName=$3") -out "$work/$2.pem" 2>/dev/null
}
authority ours
authority foreign
certificate ours server DNS:localhost,IP:127.0.0.1,IP:::1
certificate ours second DNS:second.example
certificate ours peer DNS:localhost
certificate foreign stranger DNS:localhost

sip_port=$(free_port)
tls_port=$(free_port)
ws_port=$(free_port)
wss_port=$(free_port)
back_port=$(free_port)
hep_port=$(free_port)
listen=
for address in 127.0.0.1 '[::1]'; do
    for place in "udp:$address:$sip_port" "tcp:$address:$sip_port" "tls:$address:$tls_port" "ws:$address:$ws_port" "wss:$address:$wss_port"; do
        listen+="${listen:+, }\"$place\""
    done
done
trusted=no
sip_more="[sip.tcp]
message_time_s = 1
handshake_time_s = 1
[sip.tls]
certificate = \"$work/server.pem\"
key = \"$work/server-key.pem\"
client_certificates = \"optional\"
client_ca = \"$work/ours.pem\"
trusted_ca = \"$work/ours.pem\"
[[sip.tls.certificates]]
certificate = \"$work/second.pem\"
key = \"$work/second-key.pem\"
[sip.registrar]
ping_every_s = 1
[sip.guard]
exempt = []
messages_per_s = 0
requests_per_s = 0
invites_per_user_per_s = 0
ban_failures = 0"
media_more='addresses = ["127.0.0.1", "::1"]'
configure
cat >>"$work/sidestream.toml" <<LINES
[[routes]]
pattern = "8*"
target = "sip:{number}@localhost:$back_port;transport=tls"
[trace.hep]
collector = "127.0.0.1:$hep_port"
[log]
level = "debug"
LINES
serve
export PASSWORD=$password SIDESTREAM="$sidestream"
python3 "$helpers/wire.py" "$work" "$server_pid" "$http" "$key" "$sip_port" "$tls_port" "$ws_port" "$wss_port" "$uas_port" "$back_port" "$hep_port" \
    >"$work/wire.log" 2>&1 || fail "$(last_error "$work/wire.log")"
say "$(cat "$work/wire.log")"
if LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]' "$work/server.log"; then fail "a control character is in the log"; fi
expect_empty
