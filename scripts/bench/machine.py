"""What the system tells about processes and about itself."""
import os
import pathlib
import platform
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
# The core of the server that is measured, and that of SIPp.
SERVER, GENERATOR = 0, 1


def on_core(core):
    """What stands before a command that stays on one core."""
    return ["taskset", "-c", str(core)]


def go_first():
    """Puts this script and what it starts before everything else on the machine, where that is allowed; whether it was."""
    try:
        os.setsid()
    except PermissionError:
        pass  # It leads its session already.
    try:
        pathlib.Path("/proc/self/autogroup").write_text("-20")
        return True
    except OSError:
        return False


def family(pid):
    """A process and all its descendants."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_seconds(pid):
    """User and system time that a process and its descendants have used."""
    ticks = 0
    for one in family(pid):
        try:
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def memory_kib(pid):
    """Proportional set size of a process and its descendants: shared pages count once."""
    total = 0
    for one in family(pid):
        try:
            text = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    return total


def free_port():
    """A UDP port of the loopback that nobody has at this moment, below the range of the server's media."""
    for port in range(7000 + os.getpid() % 2000, 10_000):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in free_port.given:
                free_port.given.add(port)
                return port
    raise SystemExit("no free port")


free_port.given = set()


def wait_until(is_so, seconds, what):
    """Waits for a condition; a failure says for what."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit(f"no {what} within {seconds} s")
        time.sleep(0.05)


def listens(port):
    """Whether somebody has this UDP port of the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def stop(process):
    """Ends a process and its descendants: TERM, then KILL after 5 s."""
    everyone = family(process.pid)
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        for pid in everyone:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        process.wait()


def busy_share(seconds=2.0):
    """The share of all cores that others use at this moment."""
    before = _idle_and_all()
    time.sleep(seconds)
    after = _idle_and_all()
    return round(1 - (after[0] - before[0]) / max(1, after[1] - before[1]), 2)


def _idle_and_all():
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return fields[3] + fields[4], sum(fields[:8])


def described():
    """The machine in a few words."""
    model = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return {"cpu": model[0] if model else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release()}


def version_of(command):
    """The first line of a program's own version that says something."""
    ran = subprocess.run(command, capture_output=True, text=True)
    lines = [line.strip() for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
    return lines[0] if lines else "?"
