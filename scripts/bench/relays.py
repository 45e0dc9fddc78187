"""What relays in scripts/bench-relay: the least that a process can do, rtpengine, and Sidestream, without and with copies."""
import json
import re
import shutil
import urllib.request

import machine
import media
import servers


class Floor:
    """A loop of epoll, receive and send in the generator's program."""

    name = "receive and send"
    does = "a loop of epoll, receive and send; nothing looked at, nothing counted"
    version = "benches/relay_load/floor.rs"
    copies = None
    first_guess = 1500
    calls_at_most = 4000

    def start(self, directory, phones):
        self.tool = media.Tool(machine.SERVER, "floor", self.calls_at_most, phones["a"], phones["b"])
        self.pid = self.tool.process.pid

    def grow(self, count):
        return self.tool.told["ports"][:count]

    def copies_lost(self, result):
        return 0

    def stop(self):
        self.tool.stop()


class Rtpengine(servers.Server):
    """rtpengine in user space, with as many threads as it has cores: one."""

    name = "rtpengine"
    does = "relays in user space (`--table=-1`), one worker thread"
    copies = None
    first_guess = 800
    calls_at_most = 5000

    def __init__(self):
        if not shutil.which("rtpengine"):
            raise SystemExit("no rtpengine: apt-get install rtpengine-daemon")
        self.version = "rtpengine " + machine.version_of(["rtpengine", "--version"]).removeprefix("Version: ")

    def start(self, directory, phones):
        port = machine.free_port()
        first, last = servers.PORTS
        command = [
            "rtpengine", "--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=3", "--interface=127.0.0.1",
            f"--listen-ng=127.0.0.1:{port}", f"--port-min={first}", f"--port-max={last}", "--num-threads=1", "--timeout=3600",
            f"--pidfile={directory}/rtpengine.pid",
        ]  # fmt: skip
        self.run(command, directory, port)
        self.pid = self.process.pid
        self.calls = media.NgCalls(port, phones, self.copies is not None)
        self.grow = self.calls.grow

    def copies_lost(self, result):
        return result["sent"] // 2 - result["copies"] if self.copies else 0

    def stop(self):
        self.calls.close()
        super().stop()


class RtpengineCopying(Rtpengine):
    """The same with a subscription to what each caller says."""

    name = "rtpengine, copying"
    does = "and sends a copy of what the caller says by RTP (`subscribe request`)"
    copies = "rtp"
    first_guess = 500


class Sidestream(servers.Sidestream):
    """Sidestream as it is shipped; the calls come by SIP."""

    name = "Sidestream"
    does = "relays: both legs latched, measured and counted"
    copies = None
    first_guess = 1200
    calls_at_most = 5000
    sink = ""

    def start(self, directory, phones):
        self.http_port, called_port = machine.free_port(), machine.free_port()
        self.port = super().start(directory, called_port, more=self.sink, silence_ends_calls=False)
        self.pid = self.process.pid
        self.calls = media.SipCalls(self.port, called_port, phones)
        self.grow = self.calls.grow
        config = (directory / "sidestream.toml").read_text()
        self.secret = re.search(r'^secret = "(.*)"', config, re.M).group(1)
        self.url = "http://" + re.search(r'\[http\]\nlisten = "(.*)"', config).group(1)

    def copies_lost(self, result):
        return 0

    def api(self, path):
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.secret}"})
        return urllib.request.urlopen(request, timeout=10).read().decode()

    def metrics(self):
        lines = [line.rsplit(" ", 1) for line in self.api("/metrics").splitlines() if not line.startswith("#")]
        return {name.removeprefix("sidestream_"): float(value) for name, value in lines}

    def left(self):
        """What is there of calls."""
        names = ("calls_active", "streams_active", "switch_calls", "switch_dialogs", "switch_ports", "switch_streams")
        metrics = self.metrics()
        left = {name: metrics[name] for name in names if metrics[name]}
        return left | {"calls": calls} if (calls := json.loads(self.api("/v1/calls"))["calls"]) else left

    def stop(self):
        self.calls.close()
        super().stop()


# The stream that every call has from its answer on, of the caller's track.
STREAMED = """
[routes.stream]
sinks = ["copies"]
tracks = ["from_customer"]
[[sinks]]
name = "copies"
max_streams = 100000
"""


class SidestreamTapped(Sidestream):
    """A ring for each call, read and measured in memory."""

    name = "Sidestream, tapped"
    does = "and copies what the caller says into a ring, from where its level is taken (sink `scope`)"
    copies = "ring"
    sink = STREAMED + 'kind = "scope"\n'

    def copies_lost(self, result):
        return self.metrics().get("sink_discarded_samples_total", 0)


class SidestreamCopying(Sidestream):
    """A WebSocket for each call, to a sink on the generator's core."""

    name = "Sidestream, copying"
    does = "and sends what the caller says as frames of 20 ms (L16) over a WebSocket for each call"
    copies = "websocket"
    first_guess = 800

    def start(self, directory, phones):
        self.sink_tool = media.Tool(machine.GENERATOR, "sink")
        url = f"ws://127.0.0.1:{self.sink_tool.told['port']}/"
        self.sink = STREAMED + f'kind = "websocket"\nurl = "{url}"\n[sinks.reconnect]\nconnects_per_s = 10000\n'
        super().start(directory, phones)
        self.discarded = 0

    def copies_lost(self, result):
        """Samples that a slow sink did not get, since the run before."""
        before, self.discarded = self.discarded, self.metrics().get("sink_discarded_samples_total", 0)
        result["frames"] = self.sink_tool.ask({})
        return self.discarded - before

    def stop(self):
        super().stop()
        self.sink_tool.stop()


ALL = (Floor, Rtpengine, Sidestream, RtpengineCopying, SidestreamTapped, SidestreamCopying)
