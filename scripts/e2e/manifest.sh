#!/usr/bin/env bash
# A real call's streams end with signed manifests: a ledger that holds by our command and by a JOSE library that is not ours, goes on over
# a restart, and shows each falsification.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

openssl genpkey -algorithm ed25519 -out "$work/notary.pem" 2>/dev/null
openssl pkey -in "$work/notary.pem" -pubout -out "$work/public.pem"
ledger="$work/manifests.jws"
configure <(streaming "wav=$work/wav") <(printf '[notary]\nkey = "%s"\nledger = "%s"\n' "$work/notary.pem" "$ledger")

# one_call: a call whose two streams end with it.
one_call() {
    "$sidestream" call 9000 --server "$sip" --user 1000 --password "$password" --duration 3 --json \
        --info '500:{"v":1,"op":"start","stream":"a"}' --info '600:{"v":1,"op":"start","stream":"b"}' \
        --info '1500:{"v":1,"op":"pause","stream":"a"}' >"$work/call.log" 2>&1 || fail "the call failed"
}
lines() { [ -e "$ledger" ] && [ "$(wc -l <"$ledger")" -ge "$1" ]; }

serve
one_call
wait_for 10 lines 2 || fail "the ledger has $(wc -l <"$ledger") manifests instead of 2"
stream="$(api GET '/v1/calls?state=ended' | python3 -c 'import json,sys; print(json.load(sys.stdin)["calls"][0]["streams"][0]["stream"])')"
"$sidestream" manifest show "$stream" --signed >"$work/one.jws" || fail "the server gives no signed manifest"
"$sidestream" manifest verify "$work/one.jws" || fail "the server's own key does not verify what it gave"
stop_process "$server_pid"

serve
one_call
wait_for 10 lines 4 || fail "the ledger did not go on over the restart"
"$sidestream" manifest verify "$ledger" --public-key "$work/public.pem" || fail "the ledger does not hold"
"$venv/bin/python" - "$ledger" "$work/public.pem" <<'PYTHON' || fail "a JOSE library does not verify the ledger"
import base64, hashlib, json, sys
import jwt

key = open(sys.argv[2]).read()
previous = None
for number, line in enumerate(open(sys.argv[1]).read().split("\n")[:-1], 1):
    seal = jwt.api_jws.decode_complete(line, key, algorithms=["EdDSA"])
    stated = json.loads(seal["payload"])
    assert stated["number"] == number and stated.get("previous") == previous, (number, stated["number"])
    for track in stated["manifest"]["tracks"]:
        assert sum(span["samples"] for span in track["spans"]) == stated["manifest"]["clock"], track
    previous = base64.urlsafe_b64encode(hashlib.sha256(line.encode()).digest()).rstrip(b"=").decode()
assert number == 4, number
PYTHON

# falsified NAME SED: a change of the ledger is noticed.
falsified() {
    sed "$2" "$ledger" >"$work/false.jws"
    if "$sidestream" manifest verify "$work/false.jws" --public-key "$work/public.pem" >"$work/verify.out" 2>&1; then
        fail "nobody noticed: $1"
    fi
    grep -q "^line" "$work/verify.out" || fail "no line was named: $1"
}
falsified "a line taken out" 2d
falsified "a line doubled" 3p
falsified "a manifest altered" '2s/\.\(.\)/.A\1/'
