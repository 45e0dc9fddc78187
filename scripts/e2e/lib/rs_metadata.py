"""Is it metadata of a recording as RFC 7865 wants it? Reads the bodies of SIP messages from standard input, one in hexadecimal on each line;
prints how many documents were complete and how many partial.

rs_metadata.py CUSTOMER AGENT
"""
import base64
import email
import sys
import xml.etree.ElementTree as ElementTree

NAMESPACE = "{urn:ietf:params:xml:ns:recording:1}"
ORDER = ["datamode", "group", "session", "participant", "stream", "sessionrecordingassoc", "participantsessionassoc", "participantstreamassoc"]
KEYS = {"group": ["group_id"], "session": ["session_id"], "participant": ["participant_id"], "stream": ["stream_id", "session_id"],
        "sessionrecordingassoc": ["session_id"], "participantsessionassoc": ["participant_id", "session_id"], "participantstreamassoc": ["participant_id"]}
customer, agent = sys.argv[1:]
modes = []
session = None


def number(text):
    assert len(base64.b64decode(text, validate=True)) == 16, text
    return text


for line in sys.stdin:
    body = bytes.fromhex(line.strip().replace(":", ""))
    boundary = body.split(b"\r\n", 1)[0][2:].decode()
    message = email.message_from_bytes(f"Content-Type: multipart/mixed;boundary={boundary}\r\n\r\n".encode() + body)
    sdp, metadata = message.get_payload()
    assert sdp.get_content_type() == "application/sdp"
    assert (metadata.get_content_type(), metadata["Content-Disposition"]) == ("application/rs-metadata+xml", "recording-session")
    labels = [line.split(":")[1].strip() for line in sdp.get_payload().splitlines() if line.startswith("a=label:")]
    root = ElementTree.fromstring(metadata.get_payload(decode=True))
    assert root.tag == f"{NAMESPACE}recording", root.tag
    names = [child.tag.removeprefix(NAMESPACE) for child in root]
    assert names == sorted(names, key=ORDER.index), f"not in the order of the schema: {names}"
    for child, name in zip(root, names):
        assert sorted(child.attrib) == sorted(KEYS.get(name, [])), child.attrib
        list(map(number, child.attrib.values()))
    mode = root.findtext(f"{NAMESPACE}datamode")
    people = {one.find(f"{NAMESPACE}nameID/{NAMESPACE}name").text for one in root.findall(f"{NAMESPACE}participant")}
    assert people == {customer, agent}, people
    sent = [number(one.text) for one in root.iter(f"{NAMESPACE}send")]
    if mode == "complete":
        session = root.find(f"{NAMESPACE}session").get("session_id")
        streams = {one.get("stream_id"): one.findtext(f"{NAMESPACE}label") for one in root.findall(f"{NAMESPACE}stream")}
        assert sorted(streams.values()) == labels == ["1", "2"], (streams, labels)
        assert sorted(sent) == sorted(streams), "each stream is sent by somebody"
    assert {one.get("session_id") for one in root.findall(f"{NAMESPACE}participantsessionassoc")} == {session}
    modes.append(mode)
print(modes.count("complete"), modes.count("partial"))
