"""A bad network between SIP phones and a server: a UDP relay that loses, doubles and reorders what passes.

faults.py --server HOST:PORT [--port PORT] [--loss P,P…] [--double P] [--reorder P] [--seed N] [--report FILE]

Phones talk to the relay as if it were the server; each is given a socket of its own towards the server, which sees a phone behind a
NAT. SIGUSR1 goes on to the next of several losses. The server must name the relay as its own address (`sip.advertise`), so that requests inside dialogs pass here, too. Prints
`ready PORT`. At TERM it writes what it did as one line of JSON.
"""
import argparse
import asyncio
import json
import random
import signal

# A datagram that is reordered waits so long, in seconds: longer than the next one takes.
REORDERED = 0.03
# Phones at once; datagrams of more are not carried.
MOST_PHONES = 1000


class Faults:
    """Decides what becomes of each datagram, and counts."""

    def __init__(self, asked):
        self.random = random.Random(asked.seed)
        self.losses = [float(loss) for loss in asked.loss.split(",")]
        self.double, self.reorder = asked.double, asked.reorder
        self.counts = dict.fromkeys(("passed", "lost", "doubled", "reordered"), 0)

    def next_loss(self):
        self.losses = self.losses[1:] or self.losses

    def carry(self, send):
        """Calls `send` never, once or twice, at once or later."""
        if self.random.random() < self.losses[0]:
            self.counts["lost"] += 1
            return
        later = self.random.random() < self.reorder
        self.counts["passed"] += 1
        self.counts["reordered"] += later
        copies = 1
        if self.random.random() < self.double:
            self.counts["doubled"] += 1
            copies = 2
        for copy in range(copies):
            delay = copy * 0.002 + (REORDERED if later else 0)
            if delay:
                asyncio.get_running_loop().call_later(delay, send)
            else:
                send()


class ServerSide(asyncio.DatagramProtocol):
    """One phone's socket towards the server."""

    def __init__(self, front, phone):
        self.front, self.phone = front, phone
        self.waiting = []

    def connection_made(self, transport):
        self.transport = transport
        for data in self.waiting:
            transport.sendto(data)

    def send(self, data):
        if getattr(self, "transport", None):
            self.transport.sendto(data)
        else:
            self.waiting.append(data)

    def datagram_received(self, data, _):
        self.front.faults.carry(lambda: self.front.transport.sendto(data, self.phone))

    def error_received(self, _):
        """The server may be gone already."""


class PhoneSide(asyncio.DatagramProtocol):
    """The socket that the phones see."""

    def __init__(self, server, faults):
        self.server, self.faults = server, faults
        self.phones = {}

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, phone):
        side = self.phones.get(phone)
        if side is None:
            if len(self.phones) == MOST_PHONES:
                return
            side = self.phones[phone] = ServerSide(self, phone)
            loop = asyncio.get_running_loop()
            self.opening = loop.create_task(loop.create_datagram_endpoint(lambda: side, remote_addr=self.server))
        self.faults.carry(lambda: side.send(data))

    def error_received(self, _):
        """A phone may be gone already."""


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--report")
    parser.add_argument("--loss", default="0")
    for fault in ("double", "reorder"):
        parser.add_argument(f"--{fault}", type=float, default=0)
    asked = parser.parse_args()
    host, port = asked.server.rsplit(":", 1)
    faults = Faults(asked)
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    loop.add_signal_handler(signal.SIGUSR1, faults.next_loss)
    transport, _ = await loop.create_datagram_endpoint(lambda: PhoneSide((host, int(port)), faults), local_addr=("127.0.0.1", asked.port))
    print("ready", transport.get_extra_info("sockname")[1], flush=True)
    await over.wait()
    if asked.report:
        with open(asked.report, "w") as report:
            json.dump(faults.counts, report)


asyncio.run(main())
