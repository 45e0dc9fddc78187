"""The result of scripts/bench-relay as a table of the documentation and a plot."""
import report

BEGIN, END = "<!-- relay: begin -->", "<!-- relay: end -->"
PLOT = "images/relay.svg"
# The plot, in pixels, and its colours in the order of the systems; they are told apart in grey, too, by their dashes.
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 760, 300, 60, 40, 30
COLOURS = ("#777777", "#b3541e", "#1f6f8b", "#b3541e", "#1f6f8b", "#1f6f8b")
DASHES = ("", "", "", "6 4", "2 3", "6 4")


def _cells(summary, columns):
    return [report.shown(summary.get(name), unit, digits) for name, unit, digits in columns]


def table(result):
    """Median and spread of each system, as Markdown."""
    columns = [
        ("capacity", "", 0),
        ("cpu_us", " µs", 2),
        ("cpu_us_at_capacity", " µs", 2),
        ("p50_at_half", " µs", 0),
        ("p99_at_half", " µs", 0),
        ("memory_kib", " KiB", 1),
    ]
    lines = [
        f"| {result['date']} | calls on one core | CPU per packet at {result['common_calls']} calls | at capacity | delay at half load: median | 99 of 100 | memory per call |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, system in result["systems"].items():
        lines.append(f"| {' | '.join([name, *_cells(system['summary'], columns)])} |")
    machine = result["machine"]
    rounds = [figures for system in result["systems"].values() for figures in system["rounds"]]
    busy = [figures["busy_before"] for figures in rounds]
    versions = "; ".join(dict.fromkeys(system["version"] for system in result["systems"].values()))
    lines += ["", *_ratios(result["systems"])]
    lines += [
        "",
        f"`{result['command']}`: {len(rounds) // len(result['systems'])} rounds, median (smallest–largest). {machine['cpu']}, "
        f"{machine['cores']} cores, Linux {machine['kernel']}; others kept {min(busy):.0%} to {max(busy):.0%} of it busy before the rounds"
        f"{', the benchmark went first' if machine['went_first'] else ''}. {versions}.",
    ]
    return "\n".join(lines)


def _ratios(systems):
    """How Sidestream stands to the others in the same run."""
    compared = [
        ("CPU per packet", "cpu_us", "Sidestream", "rtpengine"),
        ("CPU per packet", "cpu_us", "Sidestream", "receive and send"),
        ("CPU per packet of the media thread", "media_us", "Sidestream, tapped", "Sidestream"),
        ("calls on one core", "capacity", "Sidestream", "rtpengine"),
        ("calls on one core", "capacity", "Sidestream, copying", "rtpengine, copying"),
    ]
    lines = ["| in the same run | ratio |", "|---|---|"]
    for what, figure, ours, theirs in compared:
        sides = [systems.get(name, {"summary": {}})["summary"].get(figure) for name in (ours, theirs)]
        if all(sides):
            lines.append(f"| {what}: {ours} to {theirs} | {sides[0]['median'] / sides[1]['median']:.2f} |")
    return lines


def _points(system, figure):
    """The figure over the number of calls, of all steps of all rounds that lost nothing; the median where there are several."""
    by_calls = {}
    for figures in system["rounds"]:
        for step in figures.get("steps", []):
            if step["held"]:
                by_calls.setdefault(step["calls"], []).append(figure(step))
    return [(calls, sorted(values)[len(values) // 2]) for calls, values in sorted(by_calls.items())]


def plot(result):
    """The share of the core that each system takes, over the number of calls."""
    curves = {name: _points(system, lambda step: step["busy"]) for name, system in result["systems"].items()}
    most = max((calls for points in curves.values() for calls, _ in points), default=1)
    x = lambda calls: LEFT + calls / most * (WIDTH - LEFT - 20)
    y = lambda share: HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 22 * len(curves)}" font-family="sans-serif" font-size="12">',
        "<title>Share of one core over the number of two-way calls</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT + 22 * len(curves)}" fill="white"/>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y(share):.1f}" y2="{y(share):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    step = next(step for step in (50, 100, 250, 500, 1000, 2500) if most / step <= 10)
    for calls in range(0, most + 1, step):
        parts.append(f'<text x="{x(calls):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{calls:,}</text>')
    parts.append(f'<text x="{WIDTH - 20}" y="{HEIGHT - 6}" text-anchor="end">two-way calls of G.711</text>')
    parts.append(f'<text x="{LEFT - 48}" y="16">share of one core; a curve ends where packets are lost or late</text>')
    for index, (name, points) in enumerate(curves.items()):
        style = f'stroke="{COLOURS[index % 6]}" stroke-width="2" fill="none" stroke-dasharray="{DASHES[index % 6]}"'
        path = " ".join(f"{x(calls):.1f},{y(min(share, 1)):.1f}" for calls, share in points)
        parts.append(f'<polyline points="{path}" {style}/>')
        parts += [f'<circle cx="{x(calls):.1f}" cy="{y(min(share, 1)):.1f}" r="3" fill="{COLOURS[index % 6]}"/>' for calls, share in points]
        line = HEIGHT + 22 * index + 8
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + 40}" y1="{line}" y2="{line}" {style}/><text x="{LEFT + 50}" y="{line + 4}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def write(result, docs):
    """Puts the table between the page's two marks, and the plot beside it."""
    report.put(docs / "performance.md", BEGIN, END, table(result))
    if any(figures.get("steps") for system in result["systems"].values() for figures in system["rounds"]):
        (docs / PLOT).write_text(plot(result))
