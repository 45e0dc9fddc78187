"""A phone that does what a ladder of scripts/sipp says over a network that loses, doubles and reorders: it repeats what is not answered,
answers again what comes again, and takes messages in whatever order they come (SIPp, given the same ladder, gives up).

What nobody repeats may be lost: lines that wait for such a response, for the NOTIFY that tells of one, or for an ACK may be passed over.
A request that meets another one (491, or 500 with Retry-After) goes again after a moment.
"""
import hashlib
import os
import re
import secrets
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../sipp"))
import ladder  # noqa: E402

T1, T2, GIVE_UP = 0.5, 4.0, 32.0
# How long a line waits that may be passed over, and any other; how long the network must be quiet at the end.
SHORT, LONG, QUIET = 3.0, 60.0, 5.0
# A request that no line of the ladder waits for, and that no answer can spoil, is answered after this.
STRAY = 3.0


class Message:
    def __init__(self, data):
        head, _, self.body = data.decode().partition("\r\n\r\n")
        self.text = head + "\r\n\r\n" + self.body
        self.start, *lines = head.split("\r\n")
        self.lines = [line.partition(":")[::2] for line in lines]
        self.status = int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else None
        self.cseq, self.method = self["CSeq"].split()
        self.branch = re.search(r"branch=([^;\s,]+)", self["Via"])[1]
        self.at = time.monotonic()
        self.answered = False

    def all(self, name):
        return [value.strip() for known, value in self.lines if known.strip().lower() == name.lower()]

    def __getitem__(self, name):
        return (self.all(name) or [""])[0]

    @property
    def key(self):
        """Equal in what is the same message once more."""
        return (self.status, self.branch, self.method, self.cseq, self["To"], self["RSeq"])

    def uri_of(self, name):
        return re.search(r"<([^>]+)>", self[name])[1]


class Repeated:
    """Something that is sent until its answer comes."""

    def __init__(self, data, longest):
        self.data, self.wait, self.longest = data, T1, longest
        self.due, self.until = time.monotonic() + T1, time.monotonic() + GIVE_UP


class Dialog:
    def __init__(self, name, pid, call_id):
        self.name, self.call_id = name, call_id
        self.tag, self.cseq, self.rseq, self.is_called = f"{pid}t{name}1", 0, 0, False
        self.contact = self.remote = self.local = self.number = None
        self.sent = {}  # method -> the last such request
        self.received = {}  # method -> the last such request
        self.heard_rseq = ""
        self.status = 0


class Phone:
    def __init__(self, server, own, numbers):
        """`own` is the server's address as it is known to itself; `numbers` replaces those of the ladder."""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        host, port = server.rsplit(":", 1)
        self.socket.connect((host, int(port)))
        self.at = "127.0.0.1:%d" % self.socket.getsockname()[1]
        # Where the server sees it, behind the network: the relay's port. Its Contact has to name that.
        self.seen_at = self.at
        self.pid, self.id, self.own, self.numbers = secrets.token_hex(3), secrets.token_hex(8), own, numbers
        self.dialogs, self.values, self.versions = {}, {}, 0
        self.seen, self.inbox, self.repeated = set(), [], {}
        self.answers, self.acks = {}, {}
        self.line = "nothing"

    # The network.

    def send(self, data):
        self.socket.send(data if isinstance(data, bytes) else data.encode())

    def step(self, wait):
        """Receives what comes within so many seconds, and repeats what is due."""
        now = time.monotonic()
        for key, one in list(self.repeated.items()):
            if now >= one.until:
                del self.repeated[key]
            elif now >= one.due:
                self.send(one.data)
                one.wait = min(one.wait * 2, one.longest)
                one.due = now + one.wait
        for message in self.inbox:
            is_stray = message.method in ("NOTIFY", "BYE") and now - message.at > STRAY
            if message.status is None and not message.answered and is_stray:
                self.answer(message, 200, self.tag_of(message))
        ready, _, _ = select.select([self.socket], [], [], wait)
        if not ready:
            return False
        try:
            message = Message(self.socket.recv(65535))
        except ConnectionRefusedError:
            return False
        self.take(message)
        return True

    def take(self, message):
        if message.method == "BYE":
            # Nobody acknowledges anything in a dialog that has ended.
            self.repeated = {key: one for key, one in self.repeated.items() if key[0] != message["Call-ID"]}
        known, self.seen = message.key in self.seen, self.seen | {message.key}
        call = (message["Call-ID"], message.cseq)
        if message.status:
            one = self.repeated.get((message.branch, message.method))
            if one and (message.status >= 200 or message.method == "INVITE"):
                del self.repeated[(message.branch, message.method)]
            if message.method == "INVITE" and message.status >= 200 and known and call in self.acks:
                self.send(self.acks[call])
        elif message.method == "ACK":
            self.repeated.pop(call, None)
        else:
            if message.method == "PRACK":
                self.repeated.pop((message["Call-ID"], message["RAck"].split()[0], "rel"), None)
            if known and (message.branch, message.method) in self.answers:
                self.send(self.answers[(message.branch, message.method)])
        if not known and message.method == "OPTIONS" and not message.status:
            self.answer(message, 200, self.pid)  # The registrar asks whether the phone is there.
        elif not known:
            self.inbox.append(message)

    def tag_of(self, message):
        return next((dialog.tag for dialog in self.dialogs.values() if dialog.call_id == message["Call-ID"]), self.pid)

    # The story.

    def play(self, path):
        _, lines = ladder.read(open(path).read())
        while lines:
            if isinstance(lines[0], str) and lines[0][0] == "!":
                lines.pop(0)  # It says nothing.
            elif isinstance(lines[0], str):
                self.pause(float(lines.pop(0)[1:].strip() or 8000) / 1000)
            elif lines[0].arrow == ">":
                self.say(lines.pop(0))
            else:
                lines = self.hear(lines)
        self.line = "the end"
        end = time.monotonic() + GIVE_UP
        while time.monotonic() < end and (self.step(QUIET) or self.repeated):
            pass
        if self.repeated:
            raise AssertionError(f"never answered: {sorted(map(str, self.repeated))}")

    def pause(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.step(left)

    def hear(self, lines):
        """Takes a message that one of the next lines waits for. Returns the lines behind that."""
        waiting, place, optional = [], 0, True
        while optional and place < len(lines) and not isinstance(lines[place], str) and lines[place].arrow == "<":
            waiting.append((lines[place], place + 1))
            optional = self.may_be_lost(lines[place])
            place += self.belonging(lines[place]) if optional else 1
        self.line = " or ".join(f"{line.arrow} {line.what} {line.method} (line {line.number})" for line, _ in waiting)
        end = time.monotonic() + (SHORT if optional else LONG)
        while True:
            for line, behind in waiting:
                for message in sorted(self.inbox, key=lambda one: int(one.cseq)):
                    if self.fits(line, message):
                        self.inbox.remove(message)
                        self.keep(line, message)
                        return lines[behind:]
            if time.monotonic() > end:
                if optional:
                    return lines[place:]
                raise AssertionError("nothing came; unread: " + " | ".join(one.start for one in self.inbox))
            for message in self.inbox:
                if message.status == 491 or message.status == 500 and message["Retry-After"]:
                    self.again(message)
                    break
            self.step(0.1)

    def may_be_lost(self, line):
        tells = any(re.search(r"SIP/2\.0 1", text) for text in line.below)
        # A 2xx makes void what waits for its PRACK, and so may overtake it.
        provisional = line.status and line.status < 200 and ("rel" not in line.words or "sdp" not in line.words)
        return bool(line.optional or provisional or line.what == "ACK" or (line.what == "NOTIFY" and tells))

    def belonging(self, line):
        """How many lines make no sense without this one: it, and its answer."""
        if line.what == "NOTIFY":
            return 2
        return 3 if line.status and "rel" in line.words else 1

    def again(self, refusal):
        """Sends a request once more that was told to come back later."""
        self.inbox.remove(refusal)
        for dialog in self.dialogs.values():
            sent = dialog.sent.get(refusal.method)
            if not sent or sent.branch != refusal.branch:
                continue
            if refusal.method == "INVITE":
                kept = ("Via", "From", "Call-ID", "Max-Forwards")
                headers = [f"{name}: {sent[name]}" for name in kept]
                ack = [*headers, f"To: {refusal['To']}", f"CSeq: {refusal.cseq} ACK"]
                data = written(f"ACK {sent.start.split()[1]} SIP/2.0", ack, "")
                self.acks[(dialog.call_id, refusal.cseq)] = data
                self.send(data)
            self.pause(1 + secrets.randbelow(1000) / 1000)
            dialog.cseq += 1
            data = sent.text.replace(sent.branch, "z9hG4bK" + secrets.token_hex(8))
            data = data.replace(f"CSeq: {sent.cseq} ", f"CSeq: {dialog.cseq} ").encode()
            self.deliver(dialog, data)

    def fits(self, line, message):
        dialog = self.dialogs.get(line.dialog)
        if line.status:
            asked = dialog.sent.get(line.method)
            # BYEs may cross.
            has_ended = message.method == "BYE" and message.status == 481
            if (message.status != line.status and not has_ended) or not asked or message.branch != asked.branch or message.method != line.method:
                return False
        else:
            is_first = line.what == "INVITE" and dialog is None
            if message.status or message.method != line.what or not (is_first or message["Call-ID"] == dialog.call_id):
                return False
        if "sdp" in line.words and "m=audio" not in message.body:
            return False
        for text in line.below:
            mark, wanted = text.split(" ", 1)
            if mark in ("~", "!~") and bool(re.search(self.filled(wanted), message.text)) == (mark == "!~"):
                return False
        return True

    def keep(self, line, message):
        dialog = self.dialogs.get(line.dialog)
        if dialog is None:
            dialog = self.dialogs[line.dialog] = Dialog(line.dialog, self.pid, message["Call-ID"])
            dialog.is_called, dialog.first = True, message
            dialog.local, dialog.remote = message["To"], message["From"]
        if line.status and line.method == "INVITE" and line.status > 100 and "noanswer" not in line.words:
            dialog.status, dialog.remote = line.status, message["To"]
            self.values[f"{dialog.name}_tag"] = message["To"].partition(";tag=")[2]
        if "rel" in line.words:
            dialog.heard_rseq = message["RSeq"]
        if not line.status:
            dialog.received[message.method] = message
        if message["Contact"] and (not line.status or line.status < 300):
            dialog.contact = message.uri_of("Contact")
        for text in line.below:
            if text.startswith("= "):
                name, regex = text[2:].split(" ", 1)
                self.values[name] = re.search(regex.replace("[:space:]", r"\s"), message.text)[1]

    def say(self, line):
        self.line = f"> {line.what} {line.method} (line {line.number})"
        dialog = self.dialogs.get(line.dialog)
        if dialog is None:
            name = line.dialog
            dialog = self.dialogs[name] = Dialog(name, self.pid, self.id if name == "a" else f"{name}///{self.id}")
        headers = [self.filled(text[2:]) for text in line.below]
        body = self.description(line.words["sdp"]) if "sdp" in line.words else ""
        if line.status:
            self.respond(line, dialog, headers, body)
        else:
            self.request(line, dialog, headers, body)

    def request(self, line, dialog, more, body):
        method, invite = line.what, dialog.sent.get("INVITE")
        inside = dialog.is_called or invite is not None
        number = self.filled(line.words.get("to", dialog.number or "7001"))
        dialog.number = number
        uri = dialog.contact if inside else f"sip:{number}@{self.own}"
        local = dialog.local or f"<sip:phone@{self.at}>"
        remote = dialog.remote or f"<sip:{number}@{self.own}>"
        branch = "z9hG4bK" + secrets.token_hex(8)
        if method in ("ACK", "CANCEL"):
            cseq = invite.cseq
            if method == "CANCEL" or dialog.status >= 300:
                uri, branch = invite.start.split()[1], invite.branch
            if method == "CANCEL":
                remote = invite["To"]
        else:
            dialog.cseq += 1
            cseq = dialog.cseq
        headers = [
            f"Via: SIP/2.0/UDP {self.at};branch={branch};rport", f"From: {local};tag={dialog.tag}", f"To: {remote}",
            f"Call-ID: {dialog.call_id}", f"CSeq: {cseq} {method}", "Max-Forwards: 70",
        ]  # fmt: skip
        if method not in ("ACK", "CANCEL"):
            headers.append(f"Contact: <sip:phone@{self.seen_at}>")
        if method == "PRACK":
            headers.append(f"RAck: {dialog.heard_rseq} {invite.cseq} INVITE")
        data = written(f"{method} {uri} SIP/2.0", headers + more, body)
        if method == "ACK":
            self.send(data)
            self.acks[(dialog.call_id, cseq)] = data
        else:
            self.deliver(dialog, data)

    def deliver(self, dialog, data):
        """Sends a request until it is answered."""
        self.send(data)
        sent = Message(data)
        dialog.sent[sent.method] = sent
        if sent.method == "INVITE":
            dialog.status = 0
        self.repeated[(sent.branch, sent.method)] = Repeated(data, GIVE_UP if sent.method == "INVITE" else T2)

    def respond(self, line, dialog, more, body):
        request = dialog.received[line.method]
        if "tag" in line.words:
            dialog.tag = self.pid + line.words["tag"]
        if line.method in ("INVITE", "UPDATE", "REFER") and line.status < 300:
            more.append(f"Contact: <sip:phone@{self.seen_at}>")
        if "rel" in line.words:
            dialog.rseq += 1
            more += ["Require: 100rel", f"RSeq: {dialog.rseq}"]
        is_first = dialog.is_called and request is dialog.first
        data = self.answer(request, line.status, dialog.tag if is_first and line.status > 100 else "", more, body)
        if "rel" in line.words:
            self.repeated[(dialog.call_id, str(dialog.rseq), "rel")] = Repeated(data, GIVE_UP)
        if line.method == "INVITE" and line.status >= 200:
            self.repeated[(dialog.call_id, request.cseq)] = Repeated(data, T2)

    def answer(self, request, status, tag, more=(), body=""):
        to = request["To"] + (f";tag={tag}" if tag and ";tag=" not in request["To"] else "")
        headers = [*(f"Via: {via}" for via in request.all("Via")), f"From: {request['From']}", f"To: {to}"]
        headers += [f"Call-ID: {request['Call-ID']}", f"CSeq: {request['CSeq']}", *more]
        data = written(f"SIP/2.0 {status} {ladder.REASONS.get(status, 'Some Reason')}", headers, body)
        self.answers[(request.branch, request.method)] = data
        request.answered = True
        self.send(data)
        return data

    def description(self, how):
        if how != "same":
            self.versions += 1
        direction = how if how in ("sendonly", "recvonly", "inactive") else "sendrecv"
        lines = ["v=0", f"o=phone 1 {self.versions} IN IP4 127.0.0.1", "s=-"]
        lines += ["c=IN IP4 " + ("0.0.0.0" if how == "zero" else "127.0.0.1"), "t=0 0"]
        lines += [f"m=audio {0 if how == 'off' else self.at.split(':')[1]} RTP/AVP 0", "a=rtpmap:0 PCMU/8000"]
        return "\r\n".join(lines + ([] if how == "zero" else [f"a={direction}"])) + "\r\n"

    def filled(self, text):
        host, port = self.own.split(":")
        known = {
            "remote_ip": host, "remote_port": port, "local_ip": "127.0.0.1", "local_port": self.at.split(":")[1],
            "call_id": self.id, "pid": self.pid, "call_number": "1",
        }  # fmt: skip
        for name, value in known.items():
            text = text.replace(f"[{name}]", value)
        text = re.sub(r"\{([a-z_]+)\}", lambda found: self.values[found[1]], text)
        return re.sub(r"\b[78]00[12]\b", lambda found: self.numbers[found[0]], text)

    # Being there to be called.

    def appear(self):
        """Learns where the server sees this phone (RFC 3581)."""
        _, answer = self.ask("OPTIONS", "phone", 1)
        self.seen_at = "127.0.0.1:" + re.search(r"rport=(\d+)", answer["Via"])[1]

    def register(self, user, password):
        proof, call_id = [], secrets.token_hex(8)
        for cseq in range(1, 9):
            uri, answer = self.ask("REGISTER", user, cseq, [f"Contact: <sip:{user}@{self.seen_at}>", "Expires: 600", *proof], call_id)
            if answer.status == 200:
                return
            challenge = next(value for value in answer.all("WWW-Authenticate") if "MD5" in value)
            realm, nonce = (re.search(rf'{name}="([^"]*)"', challenge)[1] for name in ("realm", "nonce"))
            ha1, ha2 = md5(f"{user}:{realm}:{password}"), md5(f"REGISTER:{uri}")
            response = md5(f"{ha1}:{nonce}:00000001:c:auth:{ha2}")
            proof = [
                f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5, '
                f'qop=auth, nc=00000001, cnonce="c", response="{response}"'
            ]
        raise AssertionError("not registered")

    def ask(self, method, user, cseq, more=(), call_id=None):
        """A request outside of dialogs, until its final response."""
        branch, uri = "z9hG4bK" + secrets.token_hex(8), f"sip:{self.own}"
        headers = [
            f"Via: SIP/2.0/UDP {self.at};branch={branch};rport", f"From: <sip:{user}@{self.own}>;tag={self.pid}",
            f"To: <sip:{user}@{self.own}>", f"Call-ID: {call_id or secrets.token_hex(8)}", f"CSeq: {cseq} {method}", "Max-Forwards: 70",
        ]  # fmt: skip
        data = written(f"{method} {uri} SIP/2.0", [*headers, *more], "")
        self.send(data)
        self.repeated[(branch, method)] = Repeated(data, T2)
        return uri, self.final(branch)

    def final(self, branch):
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            self.step(0.1)
            for message in self.inbox:
                if message.branch == branch and (message.status or 0) >= 200:
                    self.inbox.remove(message)
                    return message
        raise AssertionError("no answer")


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def written(start, headers, body):
    headers = headers + (["Content-Type: application/sdp"] if body else [])
    return "\r\n".join([start, *headers, f"Content-Length: {len(body)}", "", body]).encode()
