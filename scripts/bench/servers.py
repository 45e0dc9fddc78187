"""What is measured: Sidestream, Kamailio, and nothing at all between the two SIPps."""
import os
import pathlib
import secrets
import shutil
import subprocess

import machine

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PORTS = (10_000, 65_535)


class Direct:
    """SIPp's own ceiling: the callers call the called party."""

    name = "SIPp to SIPp"
    does = "nothing between the two"
    version = machine.version_of(["sipp", "-v"])
    process = None
    calls_at_most = 200_000
    first_guess = 12_000

    def start(self, directory, called_port):
        return called_port

    def stop(self):
        pass


class Server:
    """A server on its own core."""

    process = None
    calls_at_most = 200_000
    first_guess = 2000

    def run(self, command, directory, port):
        log = open(directory / "server.log", "w")
        self.process = subprocess.Popen(
            [*machine.on_core(machine.SERVER), *command], cwd=directory, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        machine.wait_until(lambda: machine.listens(port), 20, self.name)
        return port

    def stop(self):
        machine.stop(self.process)


class Sidestream(Server):
    """A back-to-back user agent with media ports, dialogs, events and traces, as it is shipped."""

    name = "Sidestream"
    does = "back-to-back user agent: two dialogs, four media ports a call"
    # A call takes two pairs of ports, which rest for 30 s after it: a fresh server has room for so many.
    calls_at_most = (PORTS[1] - PORTS[0] + 1) // 4 - 200

    def __init__(self):
        self.binary = os.environ.get("SIDESTREAM_BIN", str(ROOT / "target/release/sidestream"))
        if not os.access(self.binary, os.X_OK):
            raise SystemExit("no release build: cargo build --release")
        self.version = machine.version_of([self.binary, "--version"])

    def start(self, directory, called_port, more="", silence_ends_calls=True):
        """`more` is appended to the configuration."""
        port = machine.free_port()
        (directory / "sidestream.toml").write_text(
            f"""
[sip]
listen = ["udp:127.0.0.1:{port}"]
[sip.guard]
invites_per_s = 0
invites_per_peer_per_s = 0
[media]
first_port = {PORTS[0]}
last_port = {PORTS[1]}
hang_up_on_inactivity = {str(silence_ends_calls).lower()}
[http]
listen = "127.0.0.1:{machine.free_port()}"
[log]
level = "warn"
[[http.tokens]]
id = "local"
secret = "{secrets.token_hex(20)}"
[[peers]]
name = "loopback"
networks = ["127.0.0.0/8"]
[[routes]]
pattern = "7*"
target = "sip:{{number}}@127.0.0.1:{called_port}"
{more}"""
        )
        return self.run([self.binary, "serve", "--config", "sidestream.toml", "--drain-seconds", "0"], directory, port)


class Kamailio(Server):
    """A stateful proxy that records its route: the usual script without authentication, location and accounting."""

    name = "Kamailio"
    does = "stateful proxy with Record-Route (tm, rr)"

    def __init__(self):
        if not shutil.which("kamailio"):
            raise SystemExit("no kamailio: apt-get install kamailio")
        self.version = machine.version_of(["kamailio", "-v"])

    def start(self, directory, called_port):
        port = machine.free_port()
        (directory / "kamailio.cfg").write_text(
            f"""#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
auto_aliases=no
disable_tcp=yes
listen=udp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK") && t_check_trans()) {{ t_relay(); exit; }}
        sl_send_reply("404", "Not here"); exit;
    }}
    t_check_trans();
    if (is_method("INVITE")) record_route();
    $du = "sip:127.0.0.1:{called_port}";
    t_relay();
}}
"""
        )
        return self.run(["kamailio", "-f", "kamailio.cfg", "-m", "1024", "-M", "16", "-DD", "-E", "-w", str(directory)], directory, port)
