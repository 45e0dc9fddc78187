"""Bridged calls whose every packet is measured: both ends of each call are sockets of this program.

relay_probe.py SERVER UAS_PORT CALLS SECONDS SERVER_PID [SINK…]

With sinks, each call streams both tracks to one of them, in turns. Prints one line of JSON: packets sent and missing, the delay from one end to
the other (the kernel's receive time minus the moment of sending), the time from BYE to its 200, and the server's memory over the talk.
"""
import gc
import json
import re
import secrets
import select
import socket
import struct
import sys
import threading
import time

from sip import SDP, Phone

server, uas_port, calls, seconds, server_pid, *sinks = sys.argv[1:]
calls, seconds = int(calls), float(seconds)
SO_TIMESTAMPNS = 35
PACKET_S = 0.02
WARM_UP_S = 1.0


class Answerer(threading.Thread):
    """The called end: answers every INVITE with an RTP socket of its own, by Call-ID."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind(("127.0.0.1", int(uas_port)))
        self.answered = {}

    def run(self):
        while True:
            data, source = self.sip.recvfrom(65535)
            text = data.decode()
            method = text.split(" ", 1)[0]
            if method in ("INVITE", "BYE", "CANCEL", "INFO", "UPDATE", "OPTIONS"):
                self.sip.sendto(self.response(method, text).encode(), source)

    def response(self, method, text):
        call_id = re.search(r"(?im)^Call-ID: *(\S+)", text)[1]
        copied = re.findall(r"(?im)^(?:Via|From|Call-ID|CSeq|Record-Route):.*$", text)
        to = re.search(r"(?im)^To:.*$", text)[0].strip()
        body, more = "", []
        if ";tag=" not in to:
            to += ";tag=" + call_id[:12]
        if method == "INVITE":
            if call_id not in self.answered:
                rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                rtp.bind(("127.0.0.1", 0))
                theirs = int(re.search(r"m=audio (\d+)", text)[1])
                self.answered[call_id] = (rtp, ("127.0.0.1", theirs))
            body = SDP.format(port=self.answered[call_id][0].getsockname()[1])
            more = [f"Contact: <sip:uas@127.0.0.1:{uas_port}>", "Content-Type: application/sdp"]
        lines = ["SIP/2.0 200 OK", *(line.strip() for line in copied), to, *more, f"Content-Length: {len(body)}"]
        return "\r\n".join(lines) + "\r\n\r\n" + body


class End:
    """One end of a call: what it sent and what came."""

    def __init__(self, rtp, remote):
        self.rtp, self.remote = rtp, remote
        self.ssrc, self.sequence = secrets.randbits(32), 0
        rtp.setblocking(False)
        rtp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.seen = set()
        self.delays = []

    def send(self):
        head = struct.pack("!BBHII", 0x80, 0, self.sequence & 0xFFFF, self.sequence * 160 & 0xFFFFFFFF, self.ssrc)
        payload = struct.pack("!Qd", self.sequence, time.clock_gettime(time.CLOCK_REALTIME)) + PADDING
        self.rtp.sendto(head + payload, self.remote)
        self.sequence += 1

    def receive(self, measured):
        while True:
            try:
                data, control, _, _ = self.rtp.recvmsg(2048, 128)
            except BlockingIOError:
                return
            sequence, sent = struct.unpack_from("!Qd", data, 12)
            whole, nanos = struct.unpack("qq", control[0][2])
            self.seen.add(sequence)
            if measured:
                self.delays.append(whole + nanos / 1e9 - sent)


PADDING = b"\x55" * (160 - 16)


def quantile(values, part):
    return values[min(len(values) - 1, int(len(values) * part))]


def told(values):
    values = sorted(values)
    return {name: round(quantile(values, part) * 1000, 3) for name, part in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))}


def memory_kib():
    for line in open(f"/proc/{server_pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])


def set_up(answerer):
    phones, ends = [], []
    for number in range(calls):
        phone = Phone(server)
        before = set(answerer.answered)
        status = phone.invite(f"7{number:04}")
        assert status == 200, f"call {number} was answered {status}"
        (new,) = set(answerer.answered) - before
        rtp, remote = answerer.answered[new]
        caller, called = End(phone.rtp, phone.remote), End(rtp, remote)
        phones.append(phone)
        ends.append((caller, called))
        if sinks:
            sink = sinks[number % len(sinks)]
            status, text = phone.info('{"v":1,"op":"start","sink":"%s","tracks":["from_customer","to_customer"]}' % sink)
            assert status == 200, text
    return phones, ends


def talk(ends):
    """Every end sends 50 packets a second, spread evenly over each 20 ms. Returns how late the sender was."""
    everyone = [end for pair in ends for end in pair]
    poll = select.epoll()
    by_fd = {end.rtp.fileno(): end for end in everyone}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    step = PACKET_S / len(everyone)
    begun = time.monotonic()
    total = int(seconds / PACKET_S) * len(everyone)
    lags, memory, marks = [], [], iter([WARM_UP_S, seconds * 0.3, seconds * 0.65, seconds - 0.1])
    mark = next(marks)
    sent = 0
    while sent < total:
        now = time.monotonic()
        if now - begun >= mark:
            memory.append(memory_kib())
            mark = next(marks, float("inf"))
        due = min(total, int((now - begun) / step) + 1)
        measured = now - begun > WARM_UP_S
        if sent < due and measured:
            lags.append(now - begun - sent * step)
        # A bounded burst, so that what comes is read in between.
        for place in range(sent, min(due, sent + 32)):
            everyone[place % len(everyone)].send()
        sent = min(due, sent + 32)
        for fd, _ in poll.poll(0 if sent < due else 0.0005, 256):
            by_fd[fd].receive(measured)
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        for fd, _ in poll.poll(0.05, 256):
            by_fd[fd].receive(False)
    return lags, memory


def main():
    answerer = Answerer()
    answerer.start()
    phones, ends = set_up(answerer)
    gc.disable()
    lags, memory = talk(ends)
    gc.enable()
    hang_ups = [phone.hang_up() for phone in phones]
    pairs = [*ends, *((called, caller) for caller, called in ends)]
    sent = sum(sender.sequence for sender, _ in pairs)
    # Packets before the relay had learned both addresses are the set-up's, not the relay's.
    missing = sum(len(set(range(10, sender.sequence)) - receiver.seen) for sender, receiver in pairs)
    delays = [delay for end in (end for pair in ends for end in pair) for delay in end.delays]
    print(json.dumps({
        "calls": calls, "seconds": seconds, "streams": calls if sinks else 0, "sent": sent, "missing": missing, "delay_ms": told(delays),
        "sender_late_ms": told(lags), "hang_up_ms": told(hang_ups), "memory_kib": memory,
    }))


main()
