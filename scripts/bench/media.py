"""Two-way calls for the relays: set up by SIP or by the ng protocol, spoken by the phones of benches/relay_load."""
import json
import os
import pathlib
import re
import select
import socket
import subprocess
import time

import machine

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Requests that are under way at once, and how long an answer may take, in seconds.
WINDOW = 20
PATIENCE = 30
# How long a call waits that the server had no time for (503), in seconds.
SECOND_TRY = 0.5
KIBIBYTE = 1024


def load_program():
    """The generator as it was built: optimised unless told otherwise."""
    path = pathlib.Path(os.environ.get("RELAY_LOAD_BIN", ROOT / "target/release/examples/relay_load"))
    if not path.exists():
        raise SystemExit("no generator: cargo build --release --example relay_load")
    return str(path)


class Tool:
    """One part of relay_load, which answers lines with lines."""

    def __init__(self, core, *arguments):
        self.process = subprocess.Popen(
            [*machine.on_core(core), load_program(), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.told = self._answer()

    def ask(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"relay_load ended: {self.process.wait()}")
        return json.loads(line)

    def stop(self):
        machine.stop(self.process)


def sdp(port, direction="sendrecv"):
    return (
        f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
        f"a=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na={direction}\r\n"
    )


def audio_port(text):
    return int(re.search(r"^m=audio (\d+)", text, re.M).group(1))


class SipCalls:
    """Callers on one socket and called parties on another, over UDP; each call has a number, which is what it dials."""

    def __init__(self, server_port, called_port, phones):
        self.server = ("127.0.0.1", server_port)
        self.phones = phones
        self.caller, self.called = self._bind(0), self._bind(called_port)
        # By call: where the caller sends to, where the called party sends to, and what the caller's BYE needs.
        self.caller_ports, self.called_ports, self.dialogs, self.ended = {}, {}, {}, set()
        # Calls that the server had no time for: when they are tried again; and which try each call is at.
        self.refused, self.tries = {}, {}

    def _bind(self, port):
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096 * KIBIBYTE)
        bound.bind(("127.0.0.1", port))
        return bound

    def grow(self, count):
        """As many calls as `count`; which ports they send to, a pair for each."""
        waiting = range(len(self.dialogs), count)
        self._all(waiting, self._invite, lambda: self.dialogs.keys() & self.called_ports.keys())
        return [(self.caller_ports[call], self.called_ports[call]) for call in range(count)]

    def hang_up(self):
        """Ends every call from the caller's side."""
        self._all(list(self.dialogs), self._bye, lambda: self.ended)

    def close(self):
        self.caller.close()
        self.called.close()

    def _all(self, calls, ask, done):
        calls = list(calls)
        for first in range(0, len(calls), WINDOW):
            some = set(calls[first : first + WINDOW])
            for call in some:
                ask(call)
            end = time.monotonic() + PATIENCE
            while not some <= set(done()):
                if time.monotonic() > end:
                    raise SystemExit(f"no answer for the calls {sorted(some - set(done()))[:5]} within {PATIENCE} s")
                for call in [call for call, due in self.refused.items() if due <= time.monotonic()]:
                    del self.refused[call]
                    ask(call)
                for ready in select.select([self.caller, self.called], [], [], 0.1)[0]:
                    self._handle(ready)

    def _own(self, bound):
        return f"127.0.0.1:{bound.getsockname()[1]}"

    def _branch(self, call, cseq, method):
        return f"z9hG4bK{call}-{self.tries.get(call, 0)}-{cseq}{method}"

    def _request(self, method, call, cseq, uri, to, more="", branch=None):
        own = self._own(self.caller)
        head = (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch={branch or self._branch(call, cseq, method)}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:load@{own}>;tag=c{call}\r\nTo: {to}\r\nCall-ID: relay-{call}-{self.tries.get(call, 0)}\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <sip:load@{own}>\r\n"
        )
        self.caller.sendto((head + (more or "Content-Length: 0\r\n\r\n")).encode(), self.server)

    def _invite(self, call):
        body = sdp(self.phones["a"])
        uri = self._uri(call)
        self._request("INVITE", call, 1, uri, f"<{uri}>", f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}")

    def _uri(self, call):
        return f"sip:7{call:06}@127.0.0.1:{self.server[1]}"

    def _bye(self, call):
        target, to = self.dialogs[call]
        self._request("BYE", call, 2, target, to)

    def _handle(self, bound):
        text = bound.recv(65536).decode()
        first = text.split("\r\n", 1)[0]
        header = lambda name: re.search(rf"^{name}: *(.*)\r$", text, re.M).group(1)
        if not first.startswith("SIP/2.0"):
            return self._serve(bound, first.split(" ", 1)[0], text)
        status, (cseq, method) = int(first.split(" ")[1]), header("CSeq").split()
        if status < 200:
            return None
        call = int(header("Call-ID").split("-")[1])
        if status >= 300:
            return self._refused(call, status, method, first, header("To"), int(header("Call-ID").split("-")[2]))
        if method == "INVITE":
            target = re.search(r"<([^>]+)>", header("Contact")).group(1)
            self.caller_ports[call] = audio_port(text)
            self._request("ACK", call, cseq, target, header("To"))
            self.dialogs[call] = (target, header("To"))
        elif method == "BYE":
            self.ended.add(call)
        return None

    def _refused(self, call, status, method, first, to, at_try):
        """Acknowledges a refusal; a server that had no time is asked again later, by another INVITE."""
        if status != 503 or method != "INVITE":
            raise SystemExit(f"call {call}: {first}")
        if at_try == self.tries.get(call, 0):
            # RFC 3261 §17.1.1.3: by the branch of the INVITE.
            self._request("ACK", call, 1, self._uri(call), to, branch=self._branch(call, 1, "INVITE"))
            self.tries[call] = at_try + 1
            self.refused[call] = time.monotonic() + SECOND_TRY

    def _serve(self, bound, method, text):
        """Answers a request of the server's."""
        if method == "ACK":
            return
        names = ("via", "from", "to", "call-id", "cseq", "record-route")
        lines = [line for line in text.split("\r\n\r\n")[0].split("\r\n")[1:] if line.split(":")[0].lower() in names]
        body = ""
        if method == "INVITE":
            call = int(re.search(r"sip:7(\d{6})@", text).group(1))
            self.called_ports[call] = audio_port(text)
            lines = [line + f";tag=d{call}" if line.lower().startswith("to:") and "tag=" not in line else line for line in lines]
            body = sdp(self.phones["b"])
            lines += [f"Contact: <sip:load@{self._own(bound)}>", "Content-Type: application/sdp"]
        head = "\r\n".join(["SIP/2.0 200 OK", *lines, f"Content-Length: {len(body)}"])
        bound.sendto(f"{head}\r\n\r\n{body}".encode(), self.server)


def bencoded(value):
    if isinstance(value, dict):
        return b"d" + b"".join(bencoded(key) + bencoded(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencoded, value)) + b"e"
    if isinstance(value, int):
        return b"i%de" % value
    return b"%d:%s" % (len(value.encode()), value.encode())


def bdecoded(text, at=0):
    """A value and where it ends."""
    kind = text[at : at + 1]
    if kind == b"i":
        end = text.index(b"e", at)
        return int(text[at + 1 : end]), end + 1
    if kind in (b"d", b"l"):
        items, at = [], at + 1
        while text[at : at + 1] != b"e":
            item, at = bdecoded(text, at)
            items.append(item)
        return (items if kind == b"l" else dict(zip(items[::2], items[1::2]))), at + 1
    colon = text.index(b":", at)
    end = colon + 1 + int(text[at:colon])
    return text[colon + 1 : end].decode(), end


class NgCalls:
    """Calls of rtpengine: an offer and an answer each; with `copied` a subscription to what the caller says."""

    def __init__(self, port, phones, copied):
        self.phones, self.copied = phones, copied
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(PATIENCE)
        self.ports, self.asked = [], 0

    def ask(self, command, **more):
        self.asked += 1
        cookie = f"load{self.asked}"
        self.socket.send(cookie.encode() + b" " + bencoded({"command": command} | {name.replace("_", "-"): value for name, value in more.items()}))
        while True:
            text = self.socket.recv(65536)
            if text.startswith(cookie.encode() + b" "):
                break
        answer, _ = bdecoded(text[len(cookie) + 1 :])
        if answer.get("result") not in ("ok", "pong"):
            raise SystemExit(f"rtpengine refused {command}: {answer}")
        return answer

    def grow(self, count):
        for call in range(len(self.ports), count):
            who = {"call_id": f"relay-{call}", "from_tag": f"c{call}"}
            more = {"ICE": "remove", "replace": ["origin"], "flags": ["trust-address"]}
            offer = self.ask("offer", sdp=sdp(self.phones["a"]), **who, **more)
            answer = self.ask("answer", sdp=sdp(self.phones["b"]), to_tag=f"d{call}", **who, **more)
            self.ports.append((audio_port(answer["sdp"]), audio_port(offer["sdp"])))
            if self.copied:
                copy = self.ask("subscribe request", **who)
                self.ask("subscribe answer", call_id=f"relay-{call}", to_tag=copy["to-tag"], sdp=sdp(self.phones["copies"], "recvonly"))
        return self.ports[:count]

    def close(self):
        self.socket.close()
