#!/usr/bin/env bash
# A carrier by its name alone: NAPTR, then SRV with two places of different priority, from a real nameserver (dnsmasq). The first place is
# silent, so the call goes to the second; the next call goes there at once, and a name that is not there is refused.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

dns_port=$(free_port)
silent_port=$(free_port)
sip_more="hop_timeout_ms = 1000
[sip.dns]
nameservers = [\"127.0.0.1:$dns_port\"]"
configure <(printf '[[routes]]\npattern = "5*"\ntarget = "sip:{number}@carrier.test"\n[[routes]]\npattern = "6*"\ntarget = "sip:{number}@nobody.test"\n')
dnsmasq --keep-in-foreground --conf-file=/dev/null --user="$(id -un)" --pid-file= --no-resolv --no-hosts --bind-interfaces \
    --listen-address=127.0.0.1 --port="$dns_port" --local=/test/ --log-queries --log-facility="$work/dns.log" \
    --naptr-record=carrier.test,10,10,s,SIP+D2U,,_sip._udp.carrier.test \
    --srv-host="_sip._udp.carrier.test,first.carrier.test,$silent_port,10,100" \
    --srv-host="_sip._udp.carrier.test,second.carrier.test,$uas_port,20,100" \
    --host-record=first.carrier.test,127.0.0.1 --host-record=second.carrier.test,127.0.0.1 2>"$work/dnsmasq.log" &
started+=("$!")
wait_for 5 grep -q "started" "$work/dns.log" || fail "dnsmasq did not start"
# The first place: it takes what comes, writes down which call it is of, and says nothing.
python3 -c 'import socket, sys
place = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
place.bind(("127.0.0.1", int(sys.argv[1])))
while True:
    head = place.recv(65535).decode().split("\r\n")
    print(*(line for line in head if line.startswith("Call-ID:")), flush=True)' "$silent_port" >"$work/silent.txt" 2>"$work/silent.log" &
started+=("$!")
wait_for 5 python3 "$helpers/ports.py" --taken "$silent_port" || fail "the silent place does not listen"
serve

call() {
    answer_with called_plainly
    call_from "$1" caller_talks -s 5001 -d 300
    answered
}

say "a silent place, then the next"
call first
for asked in "NAPTR\] carrier.test" "SRV\] _sip._udp.carrier.test" "\] first.carrier.test" "\] second.carrier.test"; do
    grep -Eq "$asked" "$work/dns.log" || fail "the nameserver was not asked for $asked"
done
[ -s "$work/silent.txt" ] || fail "the first place was not tried"
say "the place that answered comes first from here on"
call second
# Of the first call it may hear again: an INVITE without any answer is repeated for 32 s, and cannot be cancelled.
[ "$(sort -u "$work/silent.txt" | wc -l)" = 1 ] || fail "the silent place was tried again"
say "a name that leads nowhere"
call_from nowhere caller_finds_nobody -s 6001
expect_empty 40
