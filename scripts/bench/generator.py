"""SIPp calls SIPp, through a server or directly, both on one core."""
import csv
import pathlib
import signal
import subprocess

import machine

SCENARIOS = pathlib.Path(__file__).resolve().parent.parent / "sipp"
# Both scenarios stay so long after a call to see answers that come again, in seconds.
AFTERGLOW = 1.0


def _sipp(directory, name, port, more):
    command = [
        "sipp", "-sf", str(SCENARIOS / f"bench_{name}.xml"), "-i", "127.0.0.1", "-p", str(port), "-nostdin", "-buff_size", "8388608",
        "-trace_stat", "-stf", f"{name}.stat", "-fd", "1", "-trace_counts", "-cid_str", f"%u-%p-{name}@%s", *more,
    ]  # fmt: skip
    screen = open(directory / f"{name}.screen", "w")
    return subprocess.Popen(
        [*machine.on_core(machine.GENERATOR), *command], cwd=directory, stdout=screen, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    )


class Calls:
    """One run of calls in a directory of its own: the called party first, then the callers."""

    def __init__(self, directory, called_port):
        self.directory = directory
        self.called = _sipp(directory, "uas", called_port, [])
        machine.wait_until(lambda: machine.listens(called_port), 10, "called SIPp")

    def place(self, target, rate, calls, hold_ms):
        """Starts the callers: so many calls at this rate, each as long as `hold_ms`."""
        self.expected_s = calls / rate + hold_ms / 1000 + AFTERGLOW
        more = ["-s", "7001", "-r", str(rate), "-m", str(calls), "-l", str(calls), "-d", str(hold_ms)]
        more.append(f"127.0.0.1:{target}")
        self.callers = _sipp(self.directory, "uac", machine.free_port(), more)

    def finish(self):
        """Waits for the callers, ends the called party; what came of it, by both ends' own counts.

        Callers that are not done in time lost something and repeat it: they are stopped, and what they had reached counts.
        """
        try:
            self.callers.wait(self.expected_s + 3)
        except subprocess.TimeoutExpired:
            machine.stop(self.callers)
        self.called.send_signal(signal.SIGUSR1)
        try:
            self.called.wait(3)
        except subprocess.TimeoutExpired:
            machine.stop(self.called)
        rows = list(csv.DictReader(open(self.directory / "uac.stat"), delimiter=";"))
        if not rows:
            return {"succeeded": 0, "failed": 0, "retransmissions": 0, "late_s": 3.0}
        last = rows[-1]
        moment = lambda name: float(last[name].split("\t")[-1])
        return {
            "succeeded": int(last["SuccessfulCall(C)"]),
            "failed": int(last["FailedCall(C)"]),
            "retransmissions": self._seen_again(),
            "late_s": round(moment("CurrentTime") - moment("StartTime") - self.expected_s, 2),
        }

    def _seen_again(self):
        """Messages that were sent or came a second time, at either end."""
        total = 0
        for counts in self.directory.glob("*_counts.csv"):
            rows = list(csv.reader(open(counts), delimiter=";"))
            if len(rows) < 2:
                continue
            total += sum(int(value) for name, value in zip(rows[0], rows[-1]) if name.endswith("_Retrans") and value.isdigit())
        return total
