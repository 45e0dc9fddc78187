#!/usr/bin/env bash
# The terminal side: calls at a rate with speech and a stream each, judged by limits, as JSON, CSV and JUnit; what `top`, `calls` and
# `streams` show meanwhile; a limit that is broken is an exit code.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"

start_server
"$sidestream" load 9196 --server "$sip" --user 1000 --password "$password" --rate 5 --calls 15 --duration 4 --max-lost 5 --max-failed 0 \
    --info '200:{"v":1,"op":"start","stream":"load","sink":"scope"}' --csv "$work/load.csv" --junit "$work/load.xml" --json >"$work/load.json" 2>"$work/load.log" &
load=$!
started+=("$load")

live() { [ "$("$sidestream" calls --json | python3 -c 'import json,sys; print(sum(1 for c in json.load(sys.stdin)["calls"] if any(s["state"] == "active" for s in c["streams"])))')" -gt 3 ]; }
wait_for 10 live || fail "no calls with streams: $("$sidestream" calls --json)"
"$sidestream" top --once >"$work/top.out" || fail "top: $(cat "$work/top.out")"
grep -qE '^http://[0-9.:]+   [0-9]+ calls   [0-9]+ streams   [0-9]+ sinks ' "$work/top.out" || fail "top has no first line: $(cat "$work/top.out")"
grep -qE '^> [0-9A-Z]{26} +answered +1000 → 9196 ' "$work/top.out" || fail "top shows no call: $(cat "$work/top.out")"
grep -qE '──▶  INVITE$' "$work/top.out" && grep -qE '◀──  200 OK$' "$work/top.out" || fail "top shows no ladder: $(cat "$work/top.out")"
grep -qE '^  active +1000 → 9196 +scope ' "$work/top.out" || fail "top shows no stream: $(cat "$work/top.out")"
grep -qE '^  ok +scope ' "$work/top.out" || fail "top shows no sink: $(cat "$work/top.out")"
"$sidestream" streams | grep -qE ' active .* load +scope ' || fail "streams: $("$sidestream" streams)"

# On a terminal it stays until q, and leaves the page as it was.
python3 - "$sidestream" <<'PY' || fail "top on a terminal"
import os, pty, select, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "top"])
seen, end, told = b"", time.time() + 15, False
while time.time() < end:
    if select.select([terminal], [], [], 0.2)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    if b"CALLS" in seen and not told:
        os.write(terminal, b"jq")
        told = True
for _ in range(50):
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended:
        break
    time.sleep(0.1)
else:
    os.kill(pid, 9)
    sys.exit(f"q does not end it: {seen[-300:]}")
assert status == 0, status
assert b"\x1b[?1049h" in seen and seen.rstrip().endswith(b"\x1b[?1049l"), seen[-200:]
PY

wait "$load" || fail "the load: $(cat "$work/load.json" "$work/load.log")"
python3 - "$work" <<'PY' || fail "the reports differ: $(cat "$work/load.json")"
import csv, json, pathlib, sys, xml.etree.ElementTree as xml
work = pathlib.Path(sys.argv[1])
report = json.loads((work / "load.json").read_text())
assert report["ok"] and report["calls"] == report["good"] == 15 and report["silent"] == 0, report
assert report["statuses"] == {"200": 15} and 2 <= report["most_at_once"] <= 15, report
assert report["received"] > 15 * 100 and report["setup_ms"]["p50"] > 0 and "each" not in report, report
rows = list(csv.DictReader((work / "load.csv").open()))
assert [row["number"] for row in rows] == [str(n) for n in range(1, 16)] and all(row["status"] == "200" for row in rows), rows
assert sum(int(float(row["received"])) for row in rows) == report["received"]
# The rate was kept: the last one's turn was 14 fifths of a second after the first one's.
assert rows[-1]["begun_ms"] == "2800", rows[-1]
suite = xml.parse(work / "load.xml").getroot().find("testsuite")
assert (suite.get("tests"), suite.get("failures")) == ("2", "0"), suite.attrib
PY

# Nobody has that number: every call fails, and the limit says so.
! "$sidestream" load 8888 --server "$sip" --user 1000 --password "$password" --rate 20 --calls 3 --duration 1 --max-failed 50 --junit "$work/bad.xml" >"$work/bad.out" 2>"$work/bad.err" || fail "a broken limit passed"
grep -q 'BROKEN  failed_percent: 100.00 % of calls failed, at most 50' "$work/bad.out" && grep -q '3 × INVITE was answered 404' "$work/bad.out" || fail "unclear: $(cat "$work/bad.out")"
grep -q 'failures="1"' "$work/bad.xml" || fail "JUnit: $(cat "$work/bad.xml")"
