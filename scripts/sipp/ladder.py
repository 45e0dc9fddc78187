#!/usr/bin/env python3
"""Writes a SIPp scenario from a ladder, the way a SIP person would draw it.

ladder.py [--routed] FILE.ladder >FILE.xml

With --routed a called party copies the route that a proxy recorded.

    # Comments tell what happens.
    > INVITE sdp                    we send; `< ` we receive; `. 300` is a pause in ms; `-` waits as long as -d says
      + Supported: 100rel           a header of what is sent
    < 100?                          may come
    < 183 INVITE rel sdp            reliable (RFC 3262), with a session description
      ~ a=sendrecv                  must be in what is received; `!~` must not
      = name regex (group)          kept, to be used as {name} in a header or in `~`
    > PRACK
    < 200 PRACK
    ! customer.pcmu                 speaks (mu-law, over and over) from here on; `! pause` falls silent

Words behind a method or status: `sdp` a session description, `sdp=sendonly` (or recvonly, inactive, zero: c=0.0.0.0, off: a port of 0) its direction,
`sdp=same` the last one again, `rel` reliable, `tag=b` another To tag (a forked response), `to=7002` another number than -s, `noanswer`
of a response: nothing is kept of it. A line that begins with `@b` belongs to a second dialog, b.

The first line decides who calls. Dialogs, CSeq, branches, RAck and version numbers are kept as the RFCs say.
"""
import re
import sys
from xml.sax.saxutils import quoteattr

REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 183: "Session Progress", 200: "OK", 202: "Accepted",
    302: "Moved Temporarily", 404: "Not Found", 480: "Temporarily Unavailable", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error", 503: "Service Unavailable", 603: "Decline",
}  # fmt: skip
VIA = "SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-"
CONTACT = "<sip:sipp@[local_ip]:[local_port];transport=[transport]>"


class Line:
    """One arrow of the ladder, with the indented lines below it."""

    def __init__(self, number, text):
        self.number = number
        found = re.fullmatch(r"(?:@(\w+) )?([<>]) (\w+)(\??)((?: \S+)*)", text)
        if not found:
            raise SystemExit(f"line {number}: {text!r} is no arrow")
        self.dialog, self.arrow, self.what, self.optional = found[1] or "a", found[2], found[3], bool(found[4])
        words = found[5].split()
        self.method = words.pop(0) if words and words[0].isupper() else "INVITE"
        self.words = dict(word.partition("=")[::2] for word in words)
        self.below = []

    @property
    def status(self):
        return int(self.what) if self.what.isdigit() else None


def read(text):
    """The ladder's title, and its lines: arrows, and texts that are none."""
    lines = []
    title = []
    for number, raw in enumerate(text.splitlines(), 1):
        if raw.startswith("#"):
            title.append(raw[1:].strip())
        elif raw.startswith("  ") and lines and isinstance(lines[-1], Line):
            lines[-1].below.append(raw.strip())
        elif raw.startswith((".", "-", "!")):
            lines.append(raw)
        elif raw.strip():
            lines.append(Line(number, raw.rstrip()))
    return " ".join(title), lines


class Dialog:
    """What one side knows of a dialog while the scenario is written."""

    def __init__(self, name):
        self.name = name
        self.cseq = 0
        self.invite = None  # CSeq, transaction number and Request-URI of the last INVITE that we sent
        self.invite_status = 0
        self.received = {}  # method -> place of the last such request
        self.is_called = False
        self.rseq = 0
        self.tag = f"[pid]t{name}[call_number]"

    @property
    def call_id(self):
        return "[call_id]" if self.name == "a" else f"{self.name}///[call_id]"


class Scenario:
    """The scenario that grows, line by line."""

    def __init__(self, routed, speaks):
        self.out = []
        # SIPp sends what it streams from a port of its own.
        self.media_port = "[rtpstream_audio_port]" if speaks else "[media_port]"
        self.routed = routed
        self.dialogs = {}
        self.vias = {}  # place of a received request -> variables with its Via values
        self.transactions = 0
        self.requests = 0
        self.versions = 0
        self.variables = set()

    def add(self, lines):
        for line in lines:
            if isinstance(line, str):
                self.out.append(self.meanwhile(line[0], line[1:].strip()))
                continue
            dialog = self.dialogs.setdefault(line.dialog, Dialog(line.dialog))
            if line.arrow == "<":
                self.receive(line, dialog)
            elif line.status:
                self.respond(line, dialog)
            else:
                self.request(line, dialog)

    def meanwhile(self, mark, what):
        if mark == "!":
            stream = what if what == "pause" else f"{what},-1,0,PCMU/8000"
            return f'  <nop><action><exec rtp_stream="{stream}"/></action></nop>'
        return f'  <pause milliseconds="{what}"/>' if mark == "." else "  <pause/>"

    # What is received.

    def receive(self, line, dialog):
        actions = []
        if line.status:
            attributes = f'response="{line.what}"'
            self.keep_of_response(line, dialog, actions)
        else:
            attributes = f'request="{line.what}"'
            self.keep_of_request(line, dialog, actions)
        for text in line.below:
            self.below_received(line, text, actions)
        if "sdp" in line.words:
            actions.append('<ereg regexp="m=audio" search_in="msg" check_it="true" assign_to="seen"/>')
            self.variables.add("seen")
        optional = ' optional="true"' if line.optional else ""
        makes_dialog = line.what == "INVITE" or (line.method == "INVITE" and 100 < (line.status or 0) < 300)
        routes = ' rrs="true"' if makes_dialog else ""
        if actions:
            body = "\n".join(f"      {action}" for action in actions)
            self.out.append(f"  <recv {attributes}{optional}{routes}>\n    <action>\n{body}\n    </action>\n  </recv>")
        else:
            self.out.append(f"  <recv {attributes}{optional}{routes}/>")

    def keep_of_response(self, line, dialog, actions):
        if line.status == 100 or "noanswer" in line.words:
            return
        if line.method == "INVITE":
            dialog.invite_status = line.status
            self.keep(actions, "To:", ";tag=([^;]+)", f"{dialog.name}_tag", check=not line.optional)
            if line.status < 300:
                self.keep(actions, "Contact:", "<([^>]+)>", f"{dialog.name}_contact", check=line.status >= 200)
        if "rel" in line.words:
            self.keep(actions, "RSeq:", "([0-9]+)", f"{dialog.name}_rseq", check=True)

    def keep_of_request(self, line, dialog, actions):
        if line.what == "ACK":
            return
        self.requests += 1
        place = self.requests
        dialog.received[line.what] = place
        for header in ("Via", "From", "To", "CSeq"):
            self.keep(actions, f"{header}:", "([^ ].*)", f"{header.lower()}{place}", check=True)
        # A CANCEL is a proxy's own (RFC 3261 §9.2): it has no Via but the proxy's.
        self.vias[place] = [f"via{place}"]
        if self.routed and line.what != "CANCEL":
            self.keep(actions, "Via:", "([^ ].*)", f"via{place}b", check=True, occurrence=2)
            self.vias[place].append(f"via{place}b")
        if line.what == "INVITE":
            if not dialog.invite and not dialog.is_called:
                dialog.is_called = True
                dialog.first = place
                if self.routed:
                    self.keep(actions, "Record-Route:", "([^ ].*)", "recorded", check=True)
            self.keep(actions, "Contact:", "<([^>]+)>", f"{dialog.name}_contact", check=True)

    def below_received(self, line, text, actions):
        if text.startswith(("~ ", "!~ ")):
            inverse = text.startswith("!")
            check = 'check_it_inverse="true"' if inverse else 'check_it="true"'
            wanted = self.filled(text.partition(" ")[2])
            actions.append(f'<ereg regexp={quoteattr(wanted)} search_in="msg" {check} assign_to="seen"/>')
            self.variables.add("seen")
        elif text.startswith("= "):
            name, regex = text[2:].split(" ", 1)
            actions.append(f'<ereg regexp={quoteattr(regex)} search_in="msg" check_it="true" assign_to="whole,{name}"/>')
            self.variables.update(("whole", name))
        else:
            raise SystemExit(f"line {line.number}: {text!r} says nothing about what is received")

    def keep(self, actions, header, regex, name, check, occurrence=1):
        checked = ' check_it="true"' if check else ""
        place = f'search_in="hdr" header="{header}"' + (f' occurrence="{occurrence}"' if occurrence > 1 else "")
        actions.append(f'<ereg regexp={quoteattr(regex)} {place}{checked} assign_to="whole,{name}"/>')
        self.variables.update(("whole", name))

    # What is sent.

    def request(self, line, dialog):
        method = line.what
        in_dialog = dialog.is_called or dialog.invite is not None
        uri = f"[${dialog.name}_contact]" if in_dialog else f"sip:{line.words.get('to', '[service]')}@[remote_ip]:[remote_port]"
        if method == "ACK" or method == "CANCEL":
            cseq, transaction, first_uri = dialog.invite
            if method == "CANCEL" or dialog.invite_status >= 300:
                uri = first_uri
            else:
                self.transactions += 1
                transaction = self.transactions
        else:
            self.transactions += 1
            dialog.cseq += 1
            cseq, transaction = dialog.cseq, self.transactions
        headers = [f"Via: {VIA}{transaction}", *self.parties(line, dialog, in_dialog and method != "CANCEL")]
        headers += [f"Call-ID: {dialog.call_id}", f"CSeq: {cseq} {method}", "Max-Forwards: 70"]
        if method not in ("ACK", "CANCEL"):
            headers.append(f"Contact: {CONTACT}")
        if method == "PRACK":
            headers.append(f"RAck: [${dialog.name}_rseq] {dialog.invite[0]} INVITE")
        if method == "INVITE":
            dialog.invite, dialog.invite_status = (cseq, transaction, uri), 0
        self.send(f"{method} {uri} SIP/2.0", headers, line, retransmitted=method != "ACK", routed=in_dialog)

    def parties(self, line, dialog, in_dialog):
        """From and To of a request."""
        if dialog.is_called:
            return [f"From: [$to{dialog.first}];tag={dialog.tag}", f"To: [$from{dialog.first}]"]
        number = line.words.get("to", getattr(dialog, "number", "[service]"))
        dialog.number = number
        tag = f";tag=[${dialog.name}_tag]" if in_dialog else ""
        return [
            f"From: <sip:sipp@[local_ip]:[local_port]>;tag={dialog.tag}",
            f"To: <sip:{number}@[remote_ip]:[remote_port]>{tag}",
        ]

    def respond(self, line, dialog):
        place = dialog.received.get(line.method)
        if place is None:
            raise SystemExit(f"line {line.number}: no {line.method} was received that could be answered")
        is_first = dialog.is_called and place == dialog.first
        to = f"[$to{place}]"
        if is_first and line.status > 100:
            if "tag" in line.words:
                dialog.tag = f"[pid]{line.words['tag']}[call_number]"
            to += f";tag={dialog.tag}"
        headers = [f"Via: [${via}]" for via in self.vias[place]]
        headers += [f"From: [$from{place}]", f"To: {to}", f"Call-ID: {dialog.call_id}", f"CSeq: [$cseq{place}]"]
        if line.method in ("INVITE", "UPDATE", "REFER") and line.status < 300:
            headers.append(f"Contact: {CONTACT}")
        if self.routed and is_first and 100 < line.status < 300:
            headers.append("Record-Route: [$recorded]")
        if "rel" in line.words:
            dialog.rseq += 1
            headers += ["Require: 100rel", f"RSeq: {dialog.rseq}"]
        retransmitted = line.method == "INVITE" and line.status >= 200
        self.send(f"SIP/2.0 {line.status} {REASONS.get(line.status, 'Some Reason')}", headers, line, retransmitted, routed=False)

    def send(self, first, headers, line, retransmitted, routed):
        for text in line.below:
            if not text.startswith("+ "):
                raise SystemExit(f"line {line.number}: {text!r} is no header")
            headers.append(self.filled(text[2:]))
        if routed:
            headers.append("[routes]")
        body = self.description(line.words["sdp"]) if "sdp" in line.words else []
        headers += ["Content-Type: application/sdp", "Content-Length: [len]"] if body else ["Content-Length: 0"]
        text = "\n".join(f"      {one}" if one else "" for one in [first, *headers, "", *body])
        again = ' retrans="500"' if retransmitted else ""
        self.out.append(f"  <send{again}>\n    <![CDATA[\n\n{text}\n\n    ]]>\n  </send>")

    def description(self, how):
        if how != "same":
            self.versions += 1
        direction = how if how in ("sendonly", "recvonly", "inactive") else "sendrecv"
        address = "0.0.0.0" if how == "zero" else "[media_ip]"
        return [
            "v=0",
            f"o=sipp 53655765 {self.versions} IN IP[local_ip_type] [local_ip]",
            "s=-",
            f"c=IN IP[media_ip_type] {address}",
            "t=0 0",
            f"m=audio {'0' if how == 'off' else self.media_port} RTP/AVP 0 101",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=ptime:20",
            *([] if how == "zero" else [f"a={direction}"]),
        ]

    def filled(self, text):
        return re.sub(r"\{(\w+)\}", r"[$\1]", text)


def scenario(name, text, routed):
    """The SIPp scenario of a ladder."""
    title, lines = read(text)
    made = Scenario(routed, speaks=any(isinstance(line, str) and line[0] == "!" for line in lines))
    made.add(lines)
    unused = f'  <Reference variables="{",".join(sorted(made.variables))}"/>\n' if made.variables else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE scenario SYSTEM "sipp.dtd">
<!-- {title} -->
<scenario name="{name}">
{chr(10).join(made.out)}
  <timewait milliseconds="200"/>
{unused}</scenario>
"""


if __name__ == "__main__":
    *options, path = sys.argv[1:]
    print(scenario(re.sub(r".*/|\..*", "", path), open(path).read(), "--routed" in options), end="")
