"""Holds rules and board against what a server really tells: observability.py METRICS RULES BOARD.

Every metric that a rule or a panel names must be among those of METRICS (OpenMetrics text), and every label that it asks for one of that
metric's. Prints METRICS as the older text format, which promtool's linter reads.
"""

import json
import re
import sys

metrics, rules, board = sys.argv[1:4]
text = open(metrics).read()
assert text.endswith("# EOF\n"), "the metrics are not whole"

labels, types = {}, {}
for line in text.splitlines():
    if match := re.match(r"# TYPE (\S+) (\S+)", line):
        types[match[1]] = match[2]
    elif match := re.match(r"([a-z_]+)(\{.*\})? \S+", line):
        labels.setdefault(match[1], set()).update(re.findall(r'([a-z_]+)="', match[2] or ""))
for name, kind in types.items():
    if kind == "counter":
        labels.setdefault(f"{name}_total", None)
    elif kind == "histogram":
        labels.setdefault(f"{name}_bucket", None)
    else:
        labels.setdefault(name, None)

panels = json.load(open(board))["panels"]
asked = [target["expr"] for panel in panels for target in panel["targets"]]
assert len(asked) > 20 and len({panel["id"] for panel in panels}) == len(panels)
# What is quoted is for people.
asked += re.findall(r"expr: (?:\|\n)?((?:.*\n)(?: {10,}.*\n)*)", open(rules).read())
unknown = []
for expression in asked:
    for name, selected in re.findall(r"(sidestream_[a-z_]+)(?:\{([^}]*)\})?", expression):
        if name not in labels:
            unknown.append(name)
            continue
        for label in re.findall(r'([a-z_]+)\s*=', selected or ""):
            if labels[name] is not None and label not in labels[name] | {"instance", "job"}:
                unknown.append(f"{name}{{{label}}}")
assert not unknown, f"nobody tells {sorted(set(unknown))}"

for line in text.splitlines():
    if match := re.match(r"# (HELP|TYPE) (\S+) (.*)", line):
        suffix = "_total" if types.get(match[2]) == "counter" else ""
        print(f"# {match[1]} {match[2]}{suffix} {match[3]}")
    elif not line.startswith("# "):
        print(line)
