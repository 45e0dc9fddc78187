#!/usr/bin/env bash
# The README's first command: the demo holds every one of its claims, by its own last line.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

"$sidestream" demo --json >"$work/demo.json" 2>"$work/demo.log" || fail "the demo failed: $(tail -n 1 "$work/demo.json")"
tail -n 1 "$work/demo.json" | python3 -c '
import json, sys
report = json.load(sys.stdin)
assert report["ok"] and report["answered"] and report["manifest_holds"], report
assert report["lost_frames"] == 0, report["lost_frames"]
assert report["correlation"] >= 0.98, report["correlation"]
assert report["delay_ms"]["p95"] <= 60, report["delay_ms"]
assert report["stop_to_last_frame_ms"] <= 100, report["stop_to_last_frame_ms"]
'
