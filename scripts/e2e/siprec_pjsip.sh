#!/usr/bin/env bash
# A call recorded by a session recording server whose SIP and RTP are PJSIP's, over TCP and over TLS: it counts as many packets as the manifest
# says were given and loses none, a pause is a pause, the metadata is that of the XML Schema. It is the second server of a domain, by SRV
# records, when the first is not there, and is told of another agent in the same session. A server that wants the audio sent to where no
# sink may be gets none, nor does one with a stranger's certificate; the call notices nothing.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

python=$venv/bin/python
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=$1" -keyout "$work/$1-key.pem" -out "$work/$1.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=srs -keyout "$work/$1-srs-key.pem" -out "$work/srs.csr" 2>/dev/null
    openssl x509 -req -in "$work/srs.csr" -CA "$work/$1.pem" -CAkey "$work/$1-key.pem" -CAcreateserial -days 30 \
        -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") -out "$work/$1-srs.pem" 2>/dev/null
}
authority ours
authority theirs
sip_port=$(free_port)
tls_port=$(free_port)
tcp=$(free_port)
tls=$(free_port)
elsewhere=$(free_port)
strange=$(free_port)
named=$(free_port)
dns_port=$(free_port)
listen="\"udp:127.0.0.1:$sip_port\", \"tcp:127.0.0.1:$sip_port\", \"tls:127.0.0.1:$tls_port\""
sip_more="[sip.tls]
certificate = \"$work/ours-srs.pem\"
key = \"$work/ours-srs-key.pem\"
trusted_ca = \"$work/ours.pem\"
[sip.dns]
nameservers = [\"127.0.0.1:$dns_port\"]"
dnsmasq --keep-in-foreground --conf-file=/dev/null --user="$(id -un)" --pid-file= --no-resolv --no-hosts --bind-interfaces \
    --listen-address=127.0.0.1 --port="$dns_port" --local=/test/ --log-queries --log-facility="$work/dns.log" \
    --srv-host="_sip._tcp.rec.test,gone.rec.test,$(free_port),10,100" --srv-host="_sip._tcp.rec.test,here.rec.test,$named,20,100" \
    --host-record=gone.rec.test,127.0.0.1 --host-record=here.rec.test,127.0.0.1 2>"$work/dnsmasq.log" &
started+=("$!")
wait_for 5 grep -q "started" "$work/dns.log" || fail "dnsmasq did not start"
configure <(
    printf '[streaming]\ndefault_sink = "tcp"\nallow = ["rec.test", "localhost", "127.0.0.0/8"]\n'
    printf '[[sinks]]\nname = "named"\nkind = "siprec"\naddress = "sip:srs@rec.test;transport=tcp"\n'
    printf '[[sinks]]\nname = "tcp"\nkind = "siprec"\naddress = "sip:srs@127.0.0.1:%s;transport=tcp"\n' "$tcp"
    printf '[[sinks]]\nname = "tls"\nkind = "siprec"\naddress = "sips:srs@localhost:%s"\n' "$tls"
    printf '[[sinks]]\nname = "elsewhere"\nkind = "siprec"\naddress = "sip:srs@127.0.0.1:%s;transport=tcp"\n' "$elsewhere"
    printf '[[sinks]]\nname = "stranger"\nkind = "siprec"\naddress = "sips:srs@localhost:%s"\n' "$strange"
)
serve
sox "$root/config/prompts/customer.wav" -r 8000 -c 1 -b 16 "$work/said.wav" trim 0 6 pad 0 1

# record NAME PORT ADDRESS [CERTIFICATE KEY]: the recording server.
record() {
    mkdir -p "$work/$1"
    "$python" "$helpers/pjsip_srs.py" "$work/$1" "${@:2}" >"$work/$1.json" 2>"$work/$1.log" &
    srs_pid=$!
    started+=("$srs_pid")
    wait_for 15 grep -q ready "$work/$1.json" || fail "PJSIP does not start"
}
# say_to NAME [ARGUMENT…]: a call of $seconds whose stream goes to the sink of that name.
seconds=6
say_to() {
    "$sidestream" call 9196 --server "$sip" --user 1000 --password "$password" --play "$work/said.wav" --duration "$seconds" --json \
        --info "0:{\"v\":1,\"op\":\"start\",\"stream\":\"$1\",\"sink\":\"$1\",\"tracks\":[\"from_customer\",\"to_customer\"]}" "${@:2}" >"$work/call.json" 2>&1
}
# call NAME: such a call with a pause in it.
call() {
    say_to "$1" --info "2500:{\"v\":1,\"op\":\"pause\",\"stream\":\"$1\"}" --info "3500:{\"v\":1,\"op\":\"resume\",\"stream\":\"$1\"}" ||
        fail "the call failed: $(cat "$work/call.json")"
    check heard 5 <"$work/call.json"
    account "$1"
}
# account NAME: the manifest of the latest stream to the sink of that name.
account() {
    stream=$(api GET '/v1/calls?state=all' | python3 -c '
import json, sys
print(next(it["stream"] for call in json.load(sys.stdin)["calls"] for it in call["streams"] if it["label"] == sys.argv[1]))' "$1")
    wait_for 10 api GET "/v1/streams/$stream/manifest" || fail "there is no manifest"
    api GET "/v1/streams/$stream/manifest" >"$work/manifest"
}
# judge NAME: what PJSIP counted and recorded is what the manifest says.
judge() {
    wait "$srs_pid" || fail "PJSIP: $(tail -n 1 "$work/$1.log")"
    python3 - "$work/manifest" "$work/$1.json" <<'PYTHON' || fail "PJSIP and the manifest do not agree"
import json, sys
manifest, told = json.load(open(sys.argv[1])), json.loads(open(sys.argv[2]).read().splitlines()[-1])
assert manifest["holds"] and told["changes"] == 2, told
for number, track in enumerate(manifest["tracks"]):
    assert track["samples"]["paused"] > 6000, track["samples"]
    # A frame with any audio is given even if a pause begins or ends in it, one without by what it begins with.
    frames = {}
    for span in track["spans"]:
        for frame in range(span["start"] // 160, -(-(span["start"] + span["samples"]) // 160)):
            frames.setdefault(frame, []).append(span["kind"])
    given = sum("audio" in kinds or kinds[0] not in ("paused", "discarded") for kinds in frames.values())
    heard = told["tracks"][str(number)]
    # The last frame may be cut short, and be on its way when the session ends.
    short = manifest["clock"] % 160 > 0
    assert heard["lost"] == heard["duplicates"] == 0 and given - short <= heard["packets"] <= given, (heard, given)
    print(track["track"], heard, file=sys.stderr)
PYTHON
    counts=$("$python" "$helpers/rs_metadata.py" 1000 9196 <"$work/$1/bodies") || fail "the metadata is not that of RFC 7865"
    [ "$counts" = "1 2" ] || fail "documents complete and partial: $counts instead of 1 2"
    # How well its bridge keeps time on a busy machine is its own business; that something was said is to be heard.
    for track in 0 1; do
        sox "$work/$1/track$track.wav" -n stat 2>&1 | awk '/RMS.*amplitude/ {exit !($3 > 0.005)}' || fail "$1, track $track is silent"
    done
}

# nothing_for NAME KIND: a call to the sink NAME of which nothing leaves, and KIND is why.
nothing_for() {
    seconds=2
    say_to "$1" || fail "the call failed: $(cat "$work/call.json")"
    check heard 5 <"$work/call.json"
    account "$1"
    python3 - "$work/manifest" <<'PYTHON' || fail "$1 got something of $2"
import json, sys
manifest = json.load(open(sys.argv[1]))
assert manifest["holds"] and all(track["samples"]["audio"] == 0 for track in manifest["tracks"]), manifest
PYTHON
    [ "$(metric "sidestream_sink_connect_failures_total{sink=\"$1\",kind=\"$2\"}")" -gt 0 ] || fail "$1: nobody counted $2: $(api GET /metrics | grep connect_failures)"
}

record tcp "$tcp" 127.0.0.1
call tcp
judge tcp
record tls "$tls" 127.0.0.1 "$work/ours-srs.pem" "$work/ours-srs-key.pem"
call tls
judge tls
record named "$named" 127.0.0.1
say_to named &
call_pid=$!
started+=("$call_pid")
recorded() { [ -s "$work/named/bodies" ]; }
wait_for 10 recorded || fail "the second server of the domain was not asked"
grep -q 'SRV\] _sip._tcp.rec.test' "$work/dns.log" || fail "the nameserver was not asked for the domain's servers"
call=$(api GET /v1/calls | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][0]["call"])')
api POST "/v1/calls/$call/transfer" '{"to":"9000"}' >/dev/null || fail "no transfer"
wait "$call_pid" || fail "the transferred call failed: $(cat "$work/call.json")"
wait "$srs_pid" || fail "PJSIP: $(tail -n 1 "$work/named.log")"
counts=$("$python" "$helpers/rs_metadata.py" 1000 9196 9000 <"$work/named/bodies") || fail "the metadata does not tell of the agents"
[ "$counts" = "1 1" ] || fail "documents complete and partial: $counts instead of 1 1"
record elsewhere "$elsewhere" 203.0.113.7
nothing_for elsewhere destination
record stranger "$strange" 127.0.0.1 "$work/theirs-srs.pem" "$work/theirs-srs-key.pem"
nothing_for stranger status
[ ! -e "$work/stranger/bodies" ] || fail "the stranger was told of the call"
expect_empty 40
