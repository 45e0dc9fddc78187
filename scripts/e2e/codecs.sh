#!/usr/bin/env bash
# One stream to two sinks through changes of the codec by re-INVITE (PCMU, PCMA, G.722, PCMU) and of the SSRC, whose numbers wrap around: one id,
# nothing lost, and two accounts that add up and agree.
set -euo pipefail
. "$(dirname "$0")/lib/peers.sh"

start_sink sink
configure <(streaming "asr=$sink_url" "wav=$work/wav")
serve
python3 "$helpers/changing_customer.py" "$sip" 9196 >"$work/customer.json" 2>"$work/customer.log" || fail "the customer failed: $(last_error "$work/customer.log")"
wait_for 5 test -s "$work/sink.json" || fail "the sink has no report"
[ "$(wc -l <"$work/sink.json")" = 1 ] || fail "the changes made a second stream"
stream=$(json "$work/sink.json" stream)
for terminal in 0 1; do
    api GET "/v1/streams/$stream/manifest?terminal=$terminal" >"$work/manifest.$terminal" || fail "terminal $terminal has no manifest"
done
python3 - "$work/customer.json" "$work/sink.json" "$work"/manifest.? <<'PYTHON' || fail "the accounts do not agree"
import json, sys

customer, report, first, second = (json.load(open(path)) for path in sys.argv[1:])
assert report["connections"] == 1 and report["manifest_holds"] and not report["problems"], report
for manifest in (first, second):
    assert manifest["holds"] and manifest["clock"] > 9 * 8000, manifest["clock"]
    for track in manifest["tracks"]:
        samples = track["samples"]
        assert sum(samples.values()) == manifest["clock"], samples
        assert track["packets"] == customer["sent"] and track["late"] == samples["lost"] == 0, track
        # Frames of 20 ms that were said; the clocks of the script and the server are put right by some milliseconds at most.
        assert samples["audio"] > (customer["sent"] - 2) * 160, samples
        assert samples["silence"] < 8000 and samples["held"] == samples["paused"] == 0, samples
assert first["clock"] == second["clock"]
assert [track["spans"] for track in first["tracks"]] == [track["spans"] for track in second["tracks"]]
PYTHON
expect_empty
