#!/usr/bin/env python3
"""A customer who changes codec and source: changing_customer.py SERVER NUMBER

Talks PCMU, renews its session to PCMA, to G.722 and back to PCMU, each with two seconds of packets, then goes on with another SSRC whose numbers and
timestamps begin anywhere. Starts a stream by INFO first and prints how many packets it sent."""
import json
import re
import secrets
import struct
import sys
import time

import sip

CODECS = {0: "PCMU", 8: "PCMA", 9: "G722"}
SILENCE = {0: 0xFF, 8: 0xD5, 9: 0x00}


def describe(version, payload_type):
    return (
        f"v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {{port}} RTP/AVP {payload_type}\r\na=rtpmap:{payload_type} {CODECS[payload_type]}/8000\r\n"
    )


class Customer(sip.Phone):
    def __init__(self, server):
        super().__init__(server)
        self.sent, self.ssrc, self.sequence, self.timestamp = 0, 1, 100, 1000
        self.due = time.monotonic()

    def say(self, payload_type, packets):
        self.due = max(self.due, time.monotonic())
        for _ in range(packets):
            head = struct.pack("!BBHII", 0x80, payload_type, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc)
            self.rtp.sendto(head + bytes([SILENCE[payload_type]]) * 160, self.remote)
            self.sent, self.sequence, self.timestamp = self.sent + 1, self.sequence + 1, self.timestamp + 160
            self.due += 0.02
            time.sleep(max(0, self.due - time.monotonic()))

    def renew(self, version, payload_type):
        body = describe(version, payload_type).format(port=self.rtp.getsockname()[1])
        status, text = self.ask("INVITE", headers=["Content-Type: application/sdp"], body=body)
        self.request("ACK", cseq=self.cseq)
        assert status == 200, text
        assert re.search(rf"m=audio \d+ RTP/AVP {payload_type}\b", text), text
        # The time that it took was a pause of the sender.
        late = max(0, time.monotonic() - self.due)
        self.timestamp += int(late * 8000)


customer = Customer(sys.argv[1])
assert customer.invite(sys.argv[2], describe(1, 0)) == 200
start = {"v": 1, "op": "start", "stream": "s1", "sinks": ["asr", "wav"], "tracks": ["from_customer", "to_customer"], "id": secrets.token_hex(4)}
status, text = customer.info(json.dumps(start))
assert status == 200, text
customer.say(0, 100)
for version, payload_type in ((2, 8), (3, 9), (4, 0)):
    customer.renew(version, payload_type)
    customer.say(payload_type, 100)
customer.ssrc, customer.sequence, customer.timestamp = 0xABCDEF, 65_500, 4_294_960_000
customer.say(0, 100)
customer.hang_up()
print(json.dumps({"sent": customer.sent}))
