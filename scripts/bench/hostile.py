"""What scripts/hostile-sinks found: judged, kept, and written as a table of the documentation.

hostile.py judge WITHOUT.json WITH.json METRICS MANIFESTS RESULT COMMAND…     fails when the sinks hurt the calls or something was not counted
hostile.py table RESULT PAGE                                                 the last result, between the page's marks
"""
import collections
import datetime
import json
import os
import pathlib
import sys

import machine

BEGIN, END = "<!-- hostile sinks: begin -->", "<!-- hostile sinks: end -->"
RATE = 8000
# The queues to the sinks fill during the first third of the talk; from then on nothing may grow.
FLAT = 1.05
FLAT_KIB = 4096
# A talk so short is over while queues still fill.
SHORT_S = 30


def accounts(path):
    """By sink: how many streams, and seconds of each kind of span of both tracks."""
    sinks = collections.defaultdict(lambda: collections.Counter())
    for line in path.read_text().splitlines():
        manifest = json.loads(line)
        sink = sinks[manifest["sink"]]
        sink["streams"] += 1
        for track in manifest["tracks"]:
            total = sum(track["samples"].values())
            assert manifest["holds"] and total == manifest["clock"], f"the account of a stream to {manifest['sink']} does not add up: {track}"
            for kind, samples in track["samples"].items():
                sink[kind] += samples
    return {name: {key: value if key == "streams" else round(value / RATE, 1) for key, value in sink.items()} for name, sink in sorted(sinks.items())}


def counters(path):
    lines = [line for line in path.read_text().splitlines() if line.startswith("sidestream_sink_")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.endswith(" 0")}


def judge(without, hurt, metrics, manifests, result, *command):
    without, hurt = (json.loads(pathlib.Path(path).read_text()) for path in (without, hurt))
    found = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "command": " ".join(command),
        "machine": machine.described() | {"load_average": round(os.getloadavg()[0], 1)},
        "without": without,
        "with": hurt,
        "counted": counters(pathlib.Path(metrics)),
        "sinks": accounts(pathlib.Path(manifests)),
    }
    result = pathlib.Path(result)
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
    assert without["missing"] == 0 and hurt["missing"] == 0, "packets are missing"
    streams = sum(sink["streams"] for sink in found["sinks"].values())
    assert streams == hurt["calls"], f"{streams} of {hurt['calls']} streams have an account"
    assert found["counted"].get("sidestream_sink_discarded_samples_total"), "no sink gave anything up: were they hostile at all?"
    first, *_, settled, last = hurt["memory_kib"]
    short = hurt["seconds"] < SHORT_S
    limit = first * 1.3 + 2 * FLAT_KIB if short else settled * FLAT + FLAT_KIB
    assert last <= limit, f"memory grew from {first if short else settled} to {last} KiB"


def table(found):
    """Both runs side by side, then what became of the audio at each kind of sink, as Markdown."""
    runs = [found["without"], found["with"]]
    rows = [("packets sent", lambda run: f"{run['sent']:,}"), ("packets missing", lambda run: f"{run['missing']:,}")]
    for name, words in (("delay_ms", "delay of a forwarded packet"), ("hang_up_ms", "from BYE to its 200")):
        rows += [(f"{words}, {part}", lambda run, name=name, part=part: f"{run[name][part]:.1f} ms") for part in ("p50", "p99", "p99.9")]
    rows.append(("how late the generator was, p99.9", lambda run: f"{run['sender_late_ms']['p99.9']:.1f} ms"))
    rows.append(("memory after 1 s, at 30 %, 65 % and the end", lambda run: ", ".join(f"{kib / 1024:.0f}" for kib in run["memory_kib"]) + " MiB"))
    lines = [f"| {found['date']} | no streams | a hostile sink each |", "|---|---|---|"]
    lines += [f"| {name} | {of(runs[0])} | {of(runs[1])} |" for name, of in rows]
    kinds = ("audio", "lost", "silence", "discarded")
    lines += ["", "| sink | streams | " + " | ".join(f"{kind}, s" for kind in kinds) + " |", "|---|---|" + "---|" * len(kinds)]
    for name, sink in found["sinks"].items():
        lines.append(f"| `{name}` | {sink['streams']} | " + " | ".join(f"{sink.get(kind, 0):,.1f}" for kind in kinds) + " |")
    counted = [f"{name.removeprefix('sidestream_')} {value:,.0f}" for name, value in sorted(found["counted"].items())]
    of = found["machine"]
    lines += ["", f"`{found['command']}`, {of['cpu']}, {of['cores']} cores, Linux {of['kernel']}, load average {of['load_average']} at the end. Counted: {'; '.join(counted)}."]
    return "\n".join(lines)


def write(result, page):
    page = pathlib.Path(page)
    text = page.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    page.write_text(f"{before}{BEGIN}\n{table(json.loads(pathlib.Path(result).read_text()))}\n{END}{after}")


{"judge": judge, "table": write}[sys.argv[1]](*sys.argv[2:])
