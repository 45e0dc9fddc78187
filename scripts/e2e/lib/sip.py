"""A caller of raw text: as little SIP and RTP as a test needs to say things that no proper phone says, and to take exact times."""
import re
import secrets
import socket
import struct
import threading
import time

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class Phone:
    """A UDP socket for SIP and one for RTP, and one dialog at a time."""

    def __init__(self, server):
        host, port = server.rsplit(":", 1)
        self.server = server
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind(("127.0.0.1", 0))
        self.sip.connect((host, int(port)))
        self.sip.settimeout(5)
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind(("127.0.0.1", 0))
        self.rtp.setblocking(False)
        self.at = "127.0.0.1:%d" % self.sip.getsockname()[1]
        self.call_id, self.tag, self.cseq = secrets.token_hex(8), secrets.token_hex(4), 0
        self.to_tag, self.target, self.remote, self.to = "", f"sip:{server}", None, f"sip:nobody@{server}"
        self.talking = threading.Event()
        self.sent = self.heard = 0
        self.answer = ""

    def send(self, text):
        self.sip.send(text if isinstance(text, bytes) else text.encode())

    def request(self, method, uri=None, headers=(), body="", cseq=None):
        """Sends a well-formed request, inside the dialog when there is one."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        lines = [
            f"{method} {uri or self.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.at};branch=z9hG4bK{secrets.token_hex(8)};rport",
            f"From: <sip:raw@{self.at}>;tag={self.tag}",
            f"To: <{self.to}>" + (f";tag={self.to_tag}" if self.to_tag else ""),
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:raw@{self.at}>",
            "Max-Forwards: 70",
            *headers,
            f"Content-Length: {len(body.encode())}",
        ]
        self.send("\r\n".join(lines) + "\r\n\r\n" + body)

    def final(self, method=None):
        """The next final response (to this method): status and text."""
        while True:
            text = self.sip.recv(65535).decode()
            found = re.match(r"SIP/2\.0 (\d+)", text)
            is_wanted = method is None or re.search(rf"(?im)^CSeq: *\d+ {method}\r", text)
            if found and int(found[1]) >= 200 and is_wanted:
                return int(found[1]), text

    def ask(self, method, **more):
        self.request(method, **more)
        return self.final(method)

    def invite(self, number, sdp=SDP):
        """Calls; returns the final status. Acknowledges every final response."""
        self.to = self.target = f"sip:{number}@{self.server}"
        body = sdp.format(port=self.rtp.getsockname()[1])
        status, text = self.ask("INVITE", headers=["Content-Type: application/sdp"], body=body)
        self.answer = text
        self.to_tag = re.search(r"(?im)^To:.*;tag=([^;\s]+)", text)[1]
        if status < 300:
            self.target = re.search(r"(?im)^Contact: *<([^>]+)>", text)[1]
            self.remote = ("127.0.0.1", int(re.search(r"m=audio (\d+)", text)[1]))
        self.request("ACK", cseq=self.cseq)
        return status

    def talk(self):
        """Sends 50 packets a second and counts what comes, until hang_up."""
        self.talking.set()
        threading.Thread(target=self._talk, daemon=True).start()

    def _talk(self):
        ssrc, sequence, due = secrets.randbits(32), 0, time.monotonic()
        while self.talking.is_set():
            header = struct.pack("!BBHII", 0x80, 0, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc)
            self.rtp.sendto(header + bytes([0x55]) * 160, self.remote)
            sequence, due = sequence + 1, due + 0.02
            self.sent = sequence
            time.sleep(max(0, due - time.monotonic()))
            while True:
                try:
                    self.heard += len(self.rtp.recv(2048)) > 0
                except OSError:
                    break

    def info(self, body, headers=("Info-Package: media-stream", "Content-Type: application/media-stream+json")):
        return self.ask("INFO", headers=list(headers), body=body)

    def hang_up(self):
        """Seconds from BYE to its 200."""
        begun = time.perf_counter()
        status, text = self.ask("BYE")
        took = time.perf_counter() - begun
        self.talking.clear()
        assert status == 200, text
        return took
