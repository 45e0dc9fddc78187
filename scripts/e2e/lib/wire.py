"""What a peer may do to the wire, from outside. Each step asserts what docs/sip-edge.md says of it.

wire.py DIRECTORY PID URL KEY SIP TLS WS WSS CALLED BACK HEP     (ports of the loopback; CALLED is where 7xxx goes, BACK where 8xxx goes)
"""
import base64
import hashlib
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import time
import urllib.request

directory, pid, url, key = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
SIP, TLS, WS, WSS, CALLED, BACK, HEP = map(int, sys.argv[5:])
PASSWORD = os.environ["PASSWORD"]
FAMILIES = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}
SDP = "v=0\r\no=- 1 1 IN IP4 {at}\r\ns=-\r\nc=IN IP4 {at}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n{more}"


def written(host):
    return f"[{host}]" if ":" in host else host


def request(method, uri="sip:127.0.0.1", transport="UDP", via="192.0.2.1:5060;rport", user="1000", headers=(), body="", to_tag="", call=None, cseq=1,
            contact=None, from_tag=None):
    call = call or secrets.token_hex(8)
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{transport} {via};branch=z9hG4bK{secrets.token_hex(8)}",
        "Max-Forwards: 70",
        f"From: <sip:{user}@127.0.0.1>;tag={from_tag or secrets.token_hex(4)}",
        f"To: <{uri if method != 'REGISTER' else f'sip:{user}@127.0.0.1'}>{to_tag and ';tag=' + to_tag}",
        f"Call-ID: {call}",
        f"CSeq: {cseq} {method}",
        f"Contact: <{contact or f'sip:{user}@{via.split(chr(59))[0]}'}>",
        *headers,
        f"Content-Length: {len(body.encode())}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def header(text, name):
    return re.search(rf"(?im)^{name}: *(.*?)\r$", text)[1]


def authorization(text, method, uri, user="1000", password=PASSWORD):
    """Credentials for the MD5 challenge of a 401."""
    challenge = next(line for line in re.findall(r"(?im)^WWW-Authenticate: *(.*?)\r$", text) if "MD5" in line)
    realm, nonce = (re.search(rf'{name}="([^"]*)"', challenge)[1] for name in ("realm", "nonce"))
    md5 = lambda *parts: hashlib.md5(":".join(parts).encode()).hexdigest()
    proof = md5(md5(user, realm, password), nonce, "00000001", "c", "auth", md5(method, uri))
    return (f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5, qop=auth, nc=00000001, '
            f'cnonce="c", response="{proof}"')


class Datagrams:
    """A UDP socket on an address of its own, which makes it a source of its own."""

    def __init__(self, host="127.0.0.1"):
        self.socket = socket.socket(FAMILIES.get(host, socket.AF_INET), socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.connect(("::1" if ":" in host else "127.0.0.1", SIP))
        self.socket.settimeout(5)
        self.via = f"{written(host)}:{self.socket.getsockname()[1]};rport"
        self.transport = "UDP"

    def send(self, data):
        self.socket.send(data)

    def next(self, seconds=5):
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(65535).decode()
        except TimeoutError:
            return None

    def final(self):
        while (text := self.next()) is not None:
            if re.match(r"SIP/2.0 [2-6]", text):
                return text
        raise AssertionError("no answer")

    def ask(self, *arguments, **more):
        self.send(request(*arguments, transport=self.transport, via=self.via, **more))
        return self.final()

    def proved(self, method, uri, headers=(), **more):
        """Asks twice: with credentials the second time."""
        text = self.ask(method, uri, headers=headers, **more)
        assert text.startswith("SIP/2.0 401"), text
        more["cseq"] = more.get("cseq", 1) + 1
        user = more.get("user", "1000")
        return self.ask(method, uri, headers=[*headers, authorization(text, method, uri, user)], **more)


class Stream(Datagrams):
    """A connection: TCP, or TLS with a context."""

    def __init__(self, port, host="127.0.0.1", context=None, name="localhost", transport="TCP"):
        self.socket = socket.create_connection((host, port), timeout=5)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname=name)
            transport = "TLS" if transport == "TCP" else transport
        self.transport, self.held = transport, b""
        self.via = f"{written(host)}:{self.socket.getsockname()[1]}"

    def send(self, data):
        self.socket.sendall(data)

    def more(self, seconds):
        """False when nothing came, None at the end."""
        self.socket.settimeout(seconds)
        try:
            got = self.socket.recv(65535)
        except TimeoutError:
            return False
        except (ConnectionResetError, ssl.SSLError):
            return None
        self.held += got
        return bool(got) or None

    def next(self, seconds=5):
        while True:
            found = re.match(rb"(?s)(.*?\r\n\r\n)", self.held)
            if found and found[1].strip():
                length = int(re.search(rb"(?im)^content-length: *(\d+)", found[1])[1])
                end = len(found[1]) + length
                if len(self.held) >= end:
                    text, self.held = self.held[:end], self.held[end:]
                    return text.decode()
            if not self.more(seconds):
                return None

    def ends(self, seconds):
        """Seconds until the server closes the connection."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            if self.more(0.1) is None:
                return time.monotonic() - begun
        raise AssertionError(f"still open after {seconds} s")


class WebSocket(Stream):
    """RFC 6455, as little of it as it takes."""

    def __init__(self, port, host, context=None):
        super().__init__(port, host, context, transport="WSS" if context else "WS")
        self.via = "x.invalid"
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Key: {base64.b64encode(secrets.token_bytes(16)).decode()}\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.held:
            assert self.more(5), self.held
        head, self.held = self.held.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 101"), head

    def send(self, data):
        mask = secrets.token_bytes(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
        self.socket.sendall(b"\x81" + length + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(data)))

    def next(self, seconds=5):
        while True:
            if len(self.held) >= 4:
                length, start = self.held[1], 2
                if length == 126:
                    length, start = struct.unpack("!H", self.held[2:4])[0], 4
                if len(self.held) >= start + length:
                    text, self.held = self.held[start:start + length], self.held[start + length:]
                    return text.decode()
            if not self.more(seconds):
                return None


def trusting(certificate=None):
    context = ssl.create_default_context(cafile=directory / "ours.pem")
    if certificate:
        context.load_cert_chain(directory / f"{certificate}.pem", directory / f"{certificate}-key.pem")
    return context


def api(path):
    asked = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return answer.read().decode()


def count(name):
    lines = (line.rsplit(" ", 1) for line in api("/metrics").splitlines() if line.startswith("sidestream_" + name))
    return sum(float(number) for _, number in lines)


def grows(name, before):
    deadline = time.monotonic() + 5
    while count(name) <= before:
        assert time.monotonic() < deadline, f"{name} stays {before}"
        time.sleep(0.1)


def is_ok(text, status=200):
    assert text and text.startswith(f"SIP/2.0 {status} "), text


def every_transport_in_both_families():
    for host in FAMILIES:
        for peer in (Datagrams(host), Stream(SIP, host), Stream(TLS, host, trusting()), WebSocket(WS, host), WebSocket(WSS, host, trusting())):
            is_ok(peer.ask("OPTIONS", headers=["X-Long: " + "x" * 400]))


def pieces_and_several_at_once():
    for peer in (Stream(SIP), Stream(TLS, context=trusting())):
        messages = b"".join(request("OPTIONS", transport=peer.transport, via=peer.via, body="x" * size, cseq=size + 1) for size in range(4))
        for piece in (messages[place:place + 3] for place in range(0, len(messages), 3)):
            peer.send(piece)
        peer.send(messages)
        numbers = [header(peer.final(), "CSeq") for _ in range(8)]
        assert numbers == [f"{number} OPTIONS" for number in (1, 2, 3, 4)] * 2, numbers


def keep_alives():
    for peer in (Stream(SIP), Stream(TLS, context=trusting())):
        peer.send(b"\r\n")
        assert peer.more(0.3) is False, "one line end is an answer, and gets none"
        peer.send(b"\r\n\r\n")
        assert peer.more(5) and peer.held == b"\r\n", peer.held
        peer.held = b""
        is_ok(peer.ask("OPTIONS"))
    page = WebSocket(WS, "127.0.0.1")
    page.send(b"\r\n\r\n")
    assert page.next() == "\r\n"
    peer, before = Datagrams(), count("udp_keep_alives_total")
    peer.send(b"\r\n\r\n")
    grows("udp_keep_alives_total", before)
    assert peer.next(0.2) is None


def drips_and_limits():
    slow, shake = Stream(SIP), socket.create_connection(("127.0.0.1", TLS))
    begun = time.monotonic()
    slow.send(request("OPTIONS", transport="TCP", via=slow.via)[:40])
    while time.monotonic() - begun < 5:
        try:
            slow.send(b"x")
        except OSError:
            break
        if slow.more(0.2) is None:
            break
    assert 0.8 < time.monotonic() - begun < 4, "a message that drips has a second"
    shake.settimeout(5)
    assert not shake.recv(100), "so has a handshake"
    large = Stream(SIP)
    large.send(request("OPTIONS", transport="TCP", via=large.via).replace(b"Content-Length: 0", b"Content-Length: 10000000"))
    is_ok(large.final(), 513)
    large.ends(3)
    for lines in (["X: " + "y" * 9000], ["X: y"] * 300):
        peer = Stream(SIP)
        is_ok(peer.ask("OPTIONS", headers=lines), 513)
    peer = Datagrams()
    is_ok(peer.ask("OPTIONS", headers=["X: y"] * 300), 513)


def certificates():
    def names(peer):
        return {name for _, name in peer.socket.getpeercert()["subjectAltName"]}

    early = Stream(TLS, context=trusting())
    is_ok(early.ask("OPTIONS"))
    loose = trusting()
    loose.check_hostname = False
    assert "localhost" in names(early)
    assert names(Stream(TLS, context=trusting(), name="second.example")) == {"second.example"}
    assert "localhost" in names(Stream(TLS, context=loose, name="unknown.example"))
    is_ok(Stream(TLS, context=trusting("peer")).ask("OPTIONS"))
    before = count("tls_failed_total")
    try:
        stranger = Stream(TLS, context=trusting("stranger"))
        assert stranger.more(5) is None, "a client certificate of a foreign authority is taken"
    except (ssl.SSLError, OSError):
        pass
    grows("tls_failed_total", before)

    serial = early.socket.getpeercert()["serialNumber"]
    subprocess.run(["bash", "-c", f"""cd {directory}; openssl x509 -req -in server.csr -CA ours.pem -CAkey ours-key.pem -days 30 \
        -extfile <(echo subjectAltName=DNS:localhost) -out server.new && mv server.new server.pem"""], check=True, capture_output=True)
    before = count("tls_reloads_total")
    os.kill(pid, signal.SIGHUP)
    grows("tls_reloads_total", before)
    is_ok(early.ask("OPTIONS"))
    assert Stream(TLS, context=trusting()).socket.getpeercert()["serialNumber"] != serial
    is_ok(early.ask("OPTIONS"))


def calling(phone, number, more="", at="127.0.0.1", port=40000, **others):
    """The INVITE of a call; the caller's first request without credentials gets its ACK."""
    uri, call, tag = f"sip:{number}@127.0.0.1", secrets.token_hex(8), secrets.token_hex(4)
    body = SDP.format(at=at, port=port, more=more)
    same = {"headers": ["Content-Type: application/sdp"], "body": body, "call": call, "from_tag": tag, **others}
    text = phone.ask("INVITE", uri, **same)
    assert text.startswith("SIP/2.0 401"), text
    with_proof = {**same, "headers": [*same["headers"], authorization(text, "INVITE", uri)], "cseq": 2}
    phone.send(request("INVITE", uri, transport=phone.transport, via=phone.via, **with_proof))
    return {"uri": uri, "call": call, "from_tag": tag}


def answered(phone, dialog):
    text = phone.final()
    if text.startswith("SIP/2.0 200"):
        dialog["to_tag"] = re.search(r";tag=(.*)", header(text, "To"))[1]
        dialog["uri"] = header(text, "Contact").strip("<>").split(">")[0]
        phone.send(request("ACK", dialog["uri"], transport=phone.transport, via=phone.via, cseq=2,
                           **{name: dialog[name] for name in ("call", "from_tag", "to_tag")}))
    return text


def hangs_up(phone, dialog):
    is_ok(phone.ask("BYE", dialog["uri"], cseq=3, **{name: dialog[name] for name in ("call", "from_tag", "to_tag")}))


def a_connection_is_used_backwards():
    """RFC 5923: nobody listens at the port; the peer that proved its name has a connection open."""
    peer = Stream(TLS, context=trusting("peer"))
    peer.via = f"localhost:{BACK};alias"
    is_ok(peer.ask("OPTIONS"))
    phone = Datagrams()
    calling(phone, "8001")
    invite = peer.next()
    assert invite and invite.startswith("INVITE sip:8001@localhost"), invite
    peer.send(answer(invite, 486))
    is_ok(phone.final(), 486)
    assert peer.next().startswith("ACK ")


def answer(text, status, tag="t"):
    lines = [line for line in text.split("\r\n") if re.match(r"(?i)(Via|From|Call-ID|CSeq):", line)]
    return ("\r\n".join([f"SIP/2.0 {status} x", *lines, f"To: {header(text, 'To')};tag={tag}", "Content-Length: 0"]) + "\r\n\r\n").encode()


def a_large_request_moves_to_tcp():
    listening = socket.create_server(("127.0.0.1", CALLED))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", CALLED))
    datagrams.settimeout(5)
    phone = Datagrams()
    calling(phone, "7001")
    small, came_from = datagrams.recvfrom(65535)
    assert b"SIP/2.0/UDP" in small and small.startswith(b"INVITE sip:7001")
    datagrams.sendto(answer(small.decode(), 486), came_from)
    is_ok(phone.final(), 486)
    calling(phone, "7002", more="".join(f"a=x-{number}:{'y' * 60}\r\n" for number in range(20)))
    listening.settimeout(5)
    connection, _ = listening.accept()
    connection.settimeout(5)
    large = b""
    while b"a=x-19" not in large:
        large += connection.recv(65535)
    assert large.startswith(b"INVITE sip:7002") and b"Via: SIP/2.0/TCP" in large, large[:200]
    connection.sendall(answer(large.decode(), 486))
    is_ok(phone.final(), 486)
    datagrams.settimeout(0.3)
    while True:
        try:
            assert not datagrams.recv(65535).startswith(b"INVITE sip:7002"), "it came over UDP, too"
        except TimeoutError:
            break


def a_phone_behind_a_nat_is_kept_and_called():
    phone = Datagrams("127.0.0.8")
    contact = "sip:1001@10.99.0.1:5062"
    is_ok(phone.proved("REGISTER", "sip:127.0.0.1", user="1001", contact=contact))
    ping = phone.next(4)
    assert ping and ping.startswith(f"OPTIONS {contact}"), ping
    phone.send(answer(ping, 200))
    caller = Datagrams()
    calling(caller, "1001")
    while not (text := phone.next()).startswith("INVITE"):
        phone.send(answer(text, 200))
    assert text.startswith(f"INVITE {contact}"), text
    phone.send(answer(text, 486))
    is_ok(caller.final(), 486)
    assert phone.next().startswith("ACK")
    is_ok(phone.proved("REGISTER", "sip:127.0.0.1", user="1001", contact=contact, headers=["Expires: 0"]))


def strangers_get_no_more_than_they_pay_for():
    host, strangers = 20, []
    shortest = b"%s sip:x SIP/2.0\r\nv:SIP/2.0/UDP 1.1.1.1;branch=z9hG4bKa\r\nf:<sip:a@b>;tag=1\r\nt:<sip:c@d>\r\ni:%d\r\nCSeq:1 %s\r\n%s\r\n"
    for method in ("INVITE", "REGISTER", "OPTIONS", "BYE", "SUBSCRIBE", "REFER", "MESSAGE", "FOO"):
        for more in (b"", b"Max-Forwards:0\r\n", b"Require:x\r\n", b"Content-Length:9\r\n", b"CSeq:x\r\n"):
            stranger, host = Datagrams(f"127.0.0.{host}"), host + 1
            sent = 0
            for _ in range(3):
                data = shortest % (method.encode(), host, method.encode(), more)
                stranger.send(data)
                sent += len(data)
            stranger.got, stranger.sent = 0, sent
            strangers.append(stranger)
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        for stranger in strangers:
            stranger.socket.setblocking(False)
            try:
                stranger.got += len(stranger.socket.recv(65535))
            except BlockingIOError:
                pass
        time.sleep(0.001)
    worst = max(stranger.got / stranger.sent for stranger in strangers)
    assert 0 < worst <= 1.5, worst
    assert sum(stranger.got > 0 for stranger in strangers) > 10
    return f"at most {worst:.2f} times what was sent, without repetitions"


def a_nonce_serves_its_source_method_and_resource():
    register = "sip:127.0.0.1"
    phone, thief = Datagrams("127.0.0.9"), Datagrams("127.0.0.10")
    challenge = phone.ask("REGISTER", register)
    stolen = thief.ask("REGISTER", register, headers=[authorization(challenge, "REGISTER", register)])
    is_ok(stolen, 401)
    assert "stale=true" in stolen
    for method, uri in (("INVITE", "sip:9196@127.0.0.1"), ("REGISTER", "sip:192.0.2.77")):
        other = phone.ask(method, uri, headers=[authorization(challenge, method, uri)])
        assert other.startswith("SIP/2.0 401") and "stale=true" in other, other
    good = authorization(challenge, "REGISTER", register)
    is_ok(phone.ask("REGISTER", register, headers=[good, "Expires: 0"], cseq=5))
    is_ok(phone.ask("REGISTER", register, headers=[good, "Expires: 0"], cseq=6), 401)


def known_and_unknown_users_get_equal_answers():
    """Equal texts; the times are told and not judged here."""
    times, texts = {"1000": [], "nobody": []}, {}
    phone = Datagrams("127.0.0.11")
    padding = "X: " + "y" * 600
    for turn in range(150):
        for user in times if turn % 2 else reversed(times):
            uri = "sip:127.0.0.1"
            challenge = phone.ask("REGISTER", uri, user=user, headers=[padding])
            again = request("REGISTER", uri, via=phone.via, user=user, headers=[padding, authorization(challenge, "REGISTER", uri, user, "wrong")], cseq=2)
            begun = time.perf_counter()
            phone.send(again)
            text = phone.final()
            times[user].append(time.perf_counter() - begun)
            texts[user] = re.sub(r'(nonce="|branch|tag|Call-ID:|sip:)[^;",>\r]*', r"\1", text)
    assert texts["1000"] == texts["nobody"], texts
    known, unknown = (statistics.median(values) * 1e6 for values in times.values())
    return f"refused in {known:.0f} us (known), {unknown:.0f} us (unknown), medians of 150"


def addresses_that_are_nobodys_are_refused():
    phone = Datagrams()
    for at in ("224.0.0.5", "169.254.169.254", "255.255.255.255"):
        calling(phone, "9196", at=at)
        text = answered(phone, {})
        is_ok(text, 488)
        assert "Warning: " in text, text
    dialog = calling(phone, "9196")
    text = answered(phone, dialog)
    ours = int(re.search(r"m=audio (\d+)", text)[1])
    calling(phone, "9196", port=ours)
    is_ok(answered(phone, {}), 488)
    hangs_up(phone, dialog)


def what_is_seen():
    """A call over TLS: its capture, the collector's copies, the counters."""
    collector = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    collector.bind(("127.0.0.1", HEP))
    collector.settimeout(5)
    phone = Stream(TLS, context=trusting())
    # What would move a terminal's cursor if a log had it; also, the collector was not there yet, which its socket was told once.
    for _ in range(2):
        phone.ask("OPTIONS", headers=["User-Agent: phone \x1b[31m\x07\x7f"])
    dialog = calling(phone, "9197")
    is_ok(answered(phone, dialog))
    hangs_up(phone, dialog)
    call = json.loads(api("/v1/calls?state=all"))["calls"][-1]["call"]
    capture = directory / "tls.pcap"
    subprocess.run([os.environ["SIDESTREAM"], "trace", call, "--pcap", str(capture)], check=True, capture_output=True)
    port = phone.socket.getsockname()[1]
    shown = subprocess.run(["tshark", "-r", capture, "-d", f"udp.port=={port},sip", "-d", f"udp.port=={TLS},sip", "-d", f"tcp.port=={TLS},sip",
                            "-T", "fields", "-e", "sip.CSeq.method"], capture_output=True, text=True)
    methods = shown.stdout.split()
    assert methods.count("INVITE") >= 4 and methods.count("BYE") == 2, (methods, shown.stderr)
    copies = []
    while not any(b"BYE" in copy and b"SIP/2.0 200" in copy for copy in copies):
        copies.append(collector.recv(65535))
    assert all(copy.startswith(b"HEP3") and int.from_bytes(copy[4:6], "big") == len(copy) for copy in copies)

    peer = Datagrams()
    before = {name: count(name) for name in ("sip_requests_total", 'sip_responses_total', "sip_retransmissions_total")}
    again = request("OPTIONS", via=peer.via, headers=["X: " + "y" * 500])
    for _ in range(2):
        peer.send(again)
        is_ok(peer.final())
    for name, was in before.items():
        grows(name, was)
    for line in ('sip_requests_total{direction="received",method="OPTIONS"}', 'sip_responses_total{direction="sent",code="488"}'):
        assert count(line), line


steps = (
    every_transport_in_both_families, pieces_and_several_at_once, keep_alives, drips_and_limits, certificates, a_connection_is_used_backwards,
    a_large_request_moves_to_tcp, a_phone_behind_a_nat_is_kept_and_called, strangers_get_no_more_than_they_pay_for,
    a_nonce_serves_its_source_method_and_resource, known_and_unknown_users_get_equal_answers, addresses_that_are_nobodys_are_refused, what_is_seen,
)
for step in steps:
    begun = time.monotonic()
    told = step()
    print(f"{step.__name__.replace('_', ' ')}: {told or 'as it should be'} ({time.monotonic() - begun:.1f} s)", flush=True)
