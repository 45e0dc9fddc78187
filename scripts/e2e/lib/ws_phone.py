"""A phone over WebSocket (RFC 7118), and a caller over UDP that calls it.

ws_phone.py call SERVER NUMBER: one call that is answered.
ws_phone.py phone SERVER URL: everything that a WebSocket phone does; PASSWORD and CA in the environment.
"""
import hashlib
import os
import re
import secrets
import ssl
import sys
import threading

import sip

SDP = sip.SDP
HOST = "phone.invalid"


def header(text, name):
    found = re.search(rf"(?im)^{name}: *(.*)\r", text)
    return found[1] if found else ""


def md5(*parts):
    return hashlib.md5(":".join(parts).encode()).hexdigest()


class WebPhone:
    """User 1001 over one WebSocket. Nothing of it names an address: Via and Contact end in .invalid."""

    def __init__(self, url, password):
        from websockets.sync.client import connect

        self.ws = connect(url, subprotocols=["sip"], origin="https://phone.example", ssl=context(url))
        assert self.ws.subprotocol == "sip"
        self.via = "WSS" if url.startswith("wss") else "WS"
        self.password, self.cseq = password, 0

    def next(self):
        return self.ws.recv(timeout=10)

    def send(self, lines, body=""):
        # No Content-Length: the WebSocket message tells where this one ends.
        self.ws.send("\r\n".join(lines) + "\r\n\r\n" + body)

    def request(self, method, uri, dialog, headers=(), body="", cseq=None):
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        call_id, local, remote = dialog
        self.send(
            [
                f"{method} {uri} SIP/2.0",
                f"Via: SIP/2.0/{self.via} {HOST};branch=z9hG4bK{secrets.token_hex(8)}",
                f"From: {local}",
                f"To: {remote}",
                f"Call-ID: {call_id}",
                f"CSeq: {cseq} {method}",
                f"Contact: <sip:1001@{HOST};transport=ws>",
                "Max-Forwards: 70",
                *headers,
            ],
            body,
        )

    def final(self):
        while True:
            text = self.next()
            found = re.match(r"SIP/2\.0 (\d+)", text)
            assert found, text
            if int(found[1]) >= 200:
                return int(found[1]), text

    def ask(self, method, uri, dialog, headers=(), body=""):
        """Sends a request, again with credentials when they are asked for; gives the final answer."""
        self.request(method, uri, dialog, headers, body)
        status, text = self.final()
        if status == 401:
            if method == "INVITE":
                self.request("ACK", uri, dialog, cseq=self.cseq)
            asked = header(text, "WWW-Authenticate")
            realm, nonce = (re.search(rf'{name}="([^"]*)"', asked)[1] for name in ("realm", "nonce"))
            cnonce = secrets.token_hex(4)
            ours = md5(md5("1001", realm, self.password), nonce, "00000001", cnonce, "auth", md5(method, uri))
            proof = (
                f'Authorization: Digest username="1001", realm="{realm}", nonce="{nonce}", uri="{uri}", '
                f'response="{ours}", algorithm=MD5, qop=auth, nc=00000001, cnonce="{cnonce}"'
            )
            self.request(method, uri, dialog, [*headers, proof], body)
            status, text = self.final()
        return status, text

    def register(self, expires):
        own = "<sip:1001@sidestream>"
        dialog = (secrets.token_hex(8), f"{own};tag={secrets.token_hex(4)}", own)
        status, text = self.ask("REGISTER", "sip:sidestream", dialog, [f"Expires: {expires}"])
        assert status == 200, text
        assert (HOST in header(text, "Contact")) == (expires > 0), text

    def take(self, method):
        text = self.next()
        assert text.startswith(method + " "), text
        return text

    def answer(self, request, status, tag="", headers=(), body=""):
        vias = re.findall(r"(?im)^(Via: .*)\r", request)
        tag = f";tag={tag}" if tag else ""
        self.send(
            [
                f"SIP/2.0 {status} Some",
                *vias,
                f"From: {header(request, 'From')}",
                f"To: {header(request, 'To')}{tag}",
                f"Call-ID: {header(request, 'Call-ID')}",
                f"CSeq: {header(request, 'CSeq')}",
                f"Contact: <sip:1001@{HOST};transport=ws>",
                *headers,
            ],
            body,
        )


def context(url):
    return ssl.create_default_context(cafile=os.environ["CA"]) if url.startswith("wss") else None


def calling(server):
    """A call to 1001 in the background: its caller, and what it came to."""
    caller, result = sip.Phone(server), {}
    thread = threading.Thread(target=lambda: result.update(status=caller.invite("1001")))
    thread.start()
    return caller, thread, result


def is_refused(url, **more):
    from websockets.exceptions import InvalidHandshake
    from websockets.sync.client import connect

    try:
        connect(url, ssl=context(url), **more).close()
    except InvalidHandshake:
        return True
    return False


def refuses(server, phone):
    caller, thread, result = calling(server)
    invite = phone.take("INVITE")
    assert "transport=ws" in header(invite, "Contact"), invite
    phone.answer(invite, 180, "a")
    phone.answer(invite, 486, "a")
    phone.take("ACK")
    thread.join(10)
    assert result["status"] == 486, result


def answers_holds_and_is_hung_up(server, phone):
    caller, thread, result = calling(server)
    invite = phone.take("INVITE")
    phone.answer(invite, 180, "b")
    media, sdp_type = SDP.format(port=caller.rtp.getsockname()[1]), ["Content-Type: application/sdp"]
    phone.answer(invite, 200, "b", sdp_type, media)
    phone.take("ACK")
    thread.join(10)
    assert result["status"] == 200, result
    target = re.search(r"<([^>]+)>", header(invite, "Contact"))[1]
    dialog = (header(invite, "Call-ID"), header(invite, "To") + ";tag=b", header(invite, "From"))

    # The caller is asked in turn, and agrees.
    def agree():
        text = caller.sip.recv(65535).decode()
        while not text.startswith("INVITE "):
            text = caller.sip.recv(65535).decode()
        kept = "".join(f"{line}\r\n" for line in text.split("\r\n") if re.match(r"(?i)(via|from|to|call-id|cseq):", line))
        body = media.replace("t=0 0\r\n", "t=0 0\r\na=recvonly\r\n")
        caller.send(f"SIP/2.0 200 OK\r\n{kept}Contact: <sip:raw@{caller.at}>\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}")

    agreeing = threading.Thread(target=agree)
    agreeing.start()
    held = media.replace("o=- 1 1 ", "o=- 1 2 ").replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n")
    status, text = phone.ask("INVITE", target, dialog, sdp_type, held)
    assert status == 200 and "a=recvonly" in text, text
    phone.request("ACK", target, dialog, cseq=phone.cseq)
    agreeing.join(10)
    ending = threading.Thread(target=caller.hang_up)
    ending.start()
    phone.answer(phone.take("BYE"), 200)
    ending.join(10)


def calls(phone):
    uri, own = "sip:9196@sidestream", "<sip:1001@sidestream>"
    local = f"{own};tag={secrets.token_hex(4)}"
    dialog = (secrets.token_hex(8), local, f"<{uri}>")
    media = SDP.format(port=40000)
    status, text = phone.ask("INVITE", uri, dialog, ["Content-Type: application/sdp"], media)
    assert status == 200, text
    target = re.search(r"<([^>]+)>", header(text, "Contact"))[1]
    dialog = (dialog[0], local, header(text, "To"))
    phone.request("ACK", target, dialog, cseq=phone.cseq)
    status, text = phone.ask("BYE", target, dialog)
    assert status == 200, text


def all_of(server, url):
    assert is_refused(url), "no sub-protocol"
    assert is_refused(url, subprotocols=["sip"], origin="https://elsewhere.example"), "a foreign page"
    phone = WebPhone(url, os.environ["PASSWORD"])
    phone.ws.send("\r\n\r\n")
    assert phone.next() == "\r\n", "the keep-alive"
    phone.register(600)
    refuses(server, phone)
    answers_holds_and_is_hung_up(server, phone)
    calls(phone)
    phone.register(0)
    assert sip.Phone(server).invite("1001") == 480, "it is gone"
    phone.register(600)
    phone.ws.close()
    # Its contact went with its connection.
    assert sip.Phone(server).invite("1001") == 480, "its connection is gone"


def main(what, server, other):
    if what == "call":
        caller = sip.Phone(server)
        status = caller.invite(other)
        assert status == 200, status
        caller.hang_up()
    else:
        all_of(server, other)


main(*sys.argv[1:])
