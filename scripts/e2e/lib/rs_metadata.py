"""Is it metadata of a recording as RFC 7865 wants it? Reads the bodies of SIP messages from standard input, one in hexadecimal on each line;
prints how many documents were complete and how many partial.

rs_metadata.py CUSTOMER AGENT [LATER-AGENT]
"""
import email
import pathlib
import sys

from lxml import etree

SPACE = {"r": "urn:ietf:params:xml:ns:recording:1"}
schema = etree.XMLSchema(etree.parse(pathlib.Path(__file__).with_suffix(".xsd")))
customer, *agents = sys.argv[1:]
modes = []
known = {}
session = None

for line in sys.stdin:
    body = bytes.fromhex(line.strip().replace(":", ""))
    boundary = body.split(b"\r\n", 1)[0][2:].decode()
    message = email.message_from_bytes(f"Content-Type: multipart/mixed;boundary={boundary}\r\n\r\n".encode() + body)
    sdp, metadata = message.get_payload()
    assert sdp.get_content_type() == "application/sdp"
    assert (metadata.get_content_type(), metadata["Content-Disposition"]) == ("application/rs-metadata+xml", "recording-session")
    labels = [line.split(":")[1].strip() for line in sdp.get_payload().splitlines() if line.startswith("a=label:")]
    root = etree.fromstring(metadata.get_payload(decode=True))
    schema.assertValid(root)

    def texts(path):
        return [str(one) for one in root.xpath(path, namespaces=SPACE)]

    (mode,) = texts("r:datamode/text()")
    known.update(zip(texts("r:participant/@participant_id"), texts("r:participant/r:nameID/r:name/text()")))
    people = texts("r:participant/r:nameID/r:name/text()")
    assert people[0] == customer and people[1:] == [agents[0]] or people[1:] == agents[-1:], people
    if mode == "complete":
        (session,) = texts("r:session/@session_id")
        streams = texts("r:stream/@stream_id")
        assert texts("r:stream/r:label/text()") == labels == ["1", "2"], labels
        assert sorted(texts("r:participantstreamassoc/r:send/text()")) == sorted(streams), "each stream is sent by somebody"
        assert texts("r:session/r:group-ref/text()") == texts("r:group/@group_id")
    # Whatever is referred to was told of.
    assert set(texts("*/@session_id")) == {session}
    assert set(texts("*/@participant_id")) <= known.keys(), "somebody whom nobody has named"
    assert set(texts("r:participantstreamassoc/*[self::r:send or self::r:recv]/text()")) <= set(streams)
    left = texts("r:participantsessionassoc[r:disassociate-time]/@participant_id")
    assert [known[one] for one in left] == (agents[:1] if people[1:] == agents[1:] and left else []), left
    modes.append(mode)
print(modes.count("complete"), modes.count("partial"))
