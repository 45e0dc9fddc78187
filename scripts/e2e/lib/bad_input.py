"""Says things that no proper peer says to a running server and checks each answer, the one counter, and that a call beside is unhurt.

bad_input.py HOST:PORT URL KEY SINK
"""
import json
import random
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

from sip import SDP, Phone

server, url, key, sink = sys.argv[1:]
host, port = server.rsplit(":", 1)


def api(method, path, body=None, token=key):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url + path, method=method, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics():
    return dict(line.rsplit(" ", 1) for line in api("GET", "/metrics")[1].splitlines() if not line.startswith("#"))


def count(name):
    return int(float(metrics().get("sidestream_" + name, 0)))


def counts(name, growth, what):
    """A context in which one counter grows by so much; the switch's figures are looked at once a second."""

    class Growth:
        def __enter__(self):
            self.before = count(name)

        def __exit__(self, failed, *_):
            deadline = time.monotonic() + 4
            while not failed and count(name) != self.before + growth:
                assert time.monotonic() < deadline, f"{what}: {name} grew by {count(name) - self.before} instead of {growth}"
                time.sleep(0.2)

    return Growth()


def head(method="OPTIONS", uri=None, cseq=None, extra="", version="SIP/2.0", via=None, length="Content-Length: 0\r\n"):
    branch = f"{random.getrandbits(64):x}"
    return (
        f"{method} {uri or 'sip:' + server} {version}\r\n{via or f'Via: SIP/2.0/UDP {stranger.at};branch=z9hG4bK{branch};rport'}\r\n"
        f"From: <sip:bad@{host}>;tag={branch}\r\nTo: <sip:{server}>\r\nCall-ID: {branch}@bad\r\nCSeq: {cseq or f'1 {method}'}\r\n"
        f"Max-Forwards: 70\r\n{extra}{length}\r\n"
    )


def bad_sip():
    """(what, bytes, status or None for silence); each is counted as malformed once."""
    yield "no SIP at all", b"\x00\x01\x02\xff" * 50, None
    yield "HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None
    yield "half a head", head()[:60].encode(), None
    yield "CSeq of another method", head(cseq="1 INVITE").encode(), 400
    yield "CSeq that is no number", head(cseq="x OPTIONS").encode(), 400
    yield "version 7", head(version="SIP/7.0").encode(), 505
    yield "no Call-ID", re.sub(r"Call-ID:.*\r\n", "", head()).encode(), 400
    yield "no From", re.sub(r"From:.*\r\n", "", head()).encode(), 400
    yield "longer than it is", head(length="Content-Length: 5000\r\n").encode(), 400
    yield "a length below zero", head(length="Content-Length: -1\r\n").encode(), 400
    yield "a broken response", b"SIP/2.0 200\r\nVia: x\r\n\r\n", None


def silence(phone):
    phone.sip.settimeout(0.3)
    try:
        return phone.sip.recv(65535)
    except TimeoutError:
        return None
    finally:
        phone.sip.settimeout(5)


beside = Phone(server)
assert beside.invite("9196") == 200
beside.talk()
stranger = Phone(server)

for what, text, expected in bad_sip():
    with counts("sip_malformed_total", 1, what):
        stranger.send(text)
        if expected is None:
            answer = silence(stranger)
            assert answer is None, f"{what} was answered: {answer}"
        else:
            status, answer = stranger.final()
            assert status == expected, f"{what}: {answer}"

with counts("tcp_closed_framing_total", 1, "no SIP over TCP"):
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"\xff" * 70_000)
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass

for what, sdp, expected in (
    ("no SDP at all", "hello", 400),
    ("no media", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", 488),
    ("a port that is none", SDP.replace("{port}", "99999"), 400),
    ("only encrypted audio", SDP.replace("RTP/AVP", "RTP/SAVP"), 488),
    ("only an unknown codec", SDP.replace("AVP 0", "AVP 96").replace("0 PCMU", "96 WHALE"), 488),
):
    status = Phone(server).invite("9196", sdp)
    assert status == expected, f"{what}: {status} instead of {expected}"

victim = Phone(server)
assert victim.invite("9196") == 200
for what, body, expected in (
    ("no JSON", "{", 400), ("a list", "[]", 400), ("nothing", "", 400), ("another version", '{"v":2,"op":"stop"}', 400),
    ("an unknown op", '{"v":1,"op":"explode"}', 400), ("an unknown member", '{"v":1,"op":"stop","x":1}', 400),
    ("too deep", '{"v":1,"op":"stop","stream":' + "[" * 2000, 400), ("too long", '{"v":1,"op":"stop","id":"' + "x" * 5000 + '"}', 400),
    ("a URL", '{"v":1,"op":"start","sink":"ws://127.0.0.1:9/"}', 400), ("an unknown sink", '{"v":1,"op":"start","sink":"nowhere"}', 404),
    ("an unknown stream", '{"v":1,"op":"stop","stream":"nobody"}', 404),
):
    status, text = victim.info(body)
    assert status == expected, f"INFO with {what}: {status} instead of {expected}"
assert victim.info("{}", ["Info-Package: unknown", "Content-Type: text/plain"])[0] == 469
assert victim.info("x", ["Info-Package: media-stream", "Content-Type: text/plain"])[0] == 415
assert victim.ask("INFO", headers=["Record: perhaps"])[0] == 400

# Whoever knows the tags and comes from elsewhere ends nothing.
thief = Phone(server)
thief.call_id, thief.tag, thief.to_tag, thief.cseq, thief.to, thief.target = (
    victim.call_id, victim.tag, victim.to_tag, victim.cseq + 10, victim.to, victim.target,
)
with counts("sip_foreign_requests_total", 1, "a BYE from elsewhere"):
    assert thief.ask("BYE")[0] == 481

# RTP: what is no RTP, and what is not the caller's. The figures come once a second.
victim.talk()
time.sleep(0.5)
for noise in (b"", b"\x80", b"\x00" * 200, bytes(range(256)), b"\x80\xc8\x00\x06" + b"\x00" * 24):
    for _ in range(5):
        victim.rtp.sendto(noise, victim.remote)
for _ in range(20):
    thief.rtp.sendto(b"\x80\x00\x00\x01\x00\x00\x00\x01\xde\xad\xbe\xef" + b"\x55" * 160, victim.remote)
time.sleep(1)
calls = json.loads(api("GET", "/v1/calls")[1])["calls"]
assert len(calls) == 2, calls
victim.hang_up()
deadline = time.monotonic() + 4
while True:
    drops = json.loads(api("GET", f"/v1/calls/{calls[-1]['call']}")[1])["legs"][0]["figures"]["dropped"]
    if drops["malformed"] >= 15 and drops["foreign"] == 20:
        break
    assert time.monotonic() < deadline, drops
    time.sleep(0.2)

call = calls[0]["call"]
for what, method, path, body, expected in (
    ("broken JSON", "POST", f"/v1/calls/{call}/streams", b"{", 400),
    ("a list", "POST", f"/v1/calls/{call}/streams", b"[]", 400),
    ("an unknown member", "POST", f"/v1/calls/{call}/streams", b'{"url":"ws://127.0.0.1:9/"}', 400),
    ("no UTF-8", "POST", f"/v1/calls/{call}/streams", b'{"sink":"\xff"}', 400),
    ("a body too large", "POST", f"/v1/calls/{call}/streams", b" " * 200_000, 413),
    ("no such call", "POST", "/v1/calls/01ARZ3NDEKTSV4RRFFQ69G5FAV/streams", b"{}", 404),
    ("no call id", "POST", "/v1/calls/%00/streams", b"{}", 404),
    ("no such path", "GET", "/v1/nothing", None, 404),
    ("no such method", "PUT", "/v1/calls", b"{}", 405),
    ("broken JSON for the contact API", "POST", "/contact/start-streaming", b"{", 400),
):
    with counts('http_requests_total{status="4xx"}', 1, what):
        status, text = api(method, path, body)
        assert status == expected, f"{what}: {status} {text}"
assert api("GET", "/v1/calls", token="wrong")[0] == 401

# The call beside is unhurt; its stream, too. A new one is answered.
assert beside.info('{"v":1,"op":"start","sink":"%s"}' % sink)[0] == 200
time.sleep(1)
heard = beside.heard
time.sleep(1)
assert beside.heard - heard >= 40, f"the call beside heard {beside.heard - heard} packets in a second"
beside.hang_up()
after = Phone(server)
assert after.invite("9196") == 200
after.hang_up()
assert count("calls_ended_by_bug_total") == count("media_bugs_total") == count("sink_bugs_total") == 0, "a bug was caught"
