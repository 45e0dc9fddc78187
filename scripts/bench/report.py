"""A result as a table of the documentation."""
import statistics

BEGIN, END = "<!-- signalling: begin -->", "<!-- signalling: end -->"


def summary(rounds):
    """Median, smallest and largest of every figure of some rounds."""
    names = [name for name in rounds[0] if name not in ("load_average", "busy_before", "steps", "cpu_us_by_thread")]
    column = lambda name: [figures[name] for figures in rounds]
    return {name: {"median": statistics.median(column(name)), "min": min(column(name)), "max": max(column(name))} for name in names}


def shown(figure, unit, digits=0):
    """Median, and spread where there is one."""
    if figure is None:
        return "–"
    text = {name: f"{value:,.{digits}f}" for name, value in figure.items()}
    if figure["min"] == figure["max"]:
        return f"{text['median']}{unit}"
    return f"{text['median']}{unit} ({text['min']}–{text['max']})"


def table(result):
    """Median and spread of each system, as Markdown."""
    rate = result["common_rate"]
    lines = [
        f"| {result['date']} | what it does | calls/s on one core | CPU per call at {rate} calls/s | at capacity | memory per call |",
        "|---|---|---|---|---|---|",
    ]
    for name, system in result["systems"].items():
        of = system["summary"].get
        cells = [
            name,
            system["does"],
            shown(of("capacity"), ""),
            shown(of("cpu_us"), " µs"),
            shown(of("cpu_us_at_capacity"), " µs"),
            shown(of("memory_kib"), " KiB"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    machine = result["machine"]
    rounds = [figures for system in result["systems"].values() for figures in system["rounds"]]
    busy = [figures["busy_before"] for figures in rounds]
    versions = "; ".join(system["version"] for system in result["systems"].values())
    lines += [
        "",
        f"`{result['command']}`: {len(rounds) // len(result['systems'])} rounds, median (smallest–largest). {machine['cpu']}, "
        f"{machine['cores']} cores, Linux {machine['kernel']}; others kept {min(busy):.0%} to {max(busy):.0%} of it busy before the rounds"
        f"{', the benchmark went first' if machine['went_first'] else ''}. {versions}.",
    ]
    return "\n".join(lines)


def write(result, page):
    """Puts the table between the page's two marks."""
    put(page, BEGIN, END, table(result))


def put(page, begin, end, content):
    """Replaces what stands between two marks of a page."""
    before, rest = page.read_text().split(begin, 1)
    after = rest.split(end, 1)[1]
    page.write_text(f"{before}{begin}\n{content}\n{end}{after}")
