"""An AudioSocket server for one connection, written from the protocol's description alone.

audiosocket_server.py PORT OUT.wav

Answers each packet of audio with silence, as a two-way server would. Ends at the hang-up with status 0; at anything that the protocol does
not know with 1.
"""
import socket
import sys
import uuid
import wave

port, path = int(sys.argv[1]), sys.argv[2]
RATES = {0x10: 8000, 0x11: 12000, 0x12: 16000, 0x13: 24000, 0x14: 32000, 0x15: 44100, 0x16: 48000, 0x17: 96000, 0x18: 192000}


def exactly(stream, count):
    data = stream.read(count)
    assert len(data) == count, "the connection ended inside a packet"
    return data


with socket.create_server(("127.0.0.1", port)) as server:
    print("listening", flush=True)
    connection, _ = server.accept()
connection.settimeout(30)
stream = connection.makefile("rb")
audio, kinds, digits, name, is_cut = bytearray(), set(), "", None, False
while True:
    kind, length = exactly(stream, 1)[0], int.from_bytes(exactly(stream, 2), "big")
    payload = exactly(stream, length)
    if name is None:
        assert (kind, length) == (0x01, 16), f"{kind:#x} came before the id"
        name = uuid.UUID(bytes=payload)
    elif kind == 0x00:
        assert length == 0
        break
    elif kind == 0x03:
        digits += payload.decode("ascii")
    elif kind in RATES:
        assert not is_cut, "something came behind a packet that was cut short"
        whole = RATES[kind] // 50 * 2
        assert length % 2 == 0 and 0 < length <= whole, f"{length} bytes are no 20 ms"
        is_cut = length < whole
        kinds.add(kind)
        audio += payload
        connection.sendall(bytes([kind]) + length.to_bytes(2, "big") + bytes(length))
    else:
        sys.exit(f"a packet of kind {kind:#x}")
assert stream.read(1) == b"", "something came after the hang-up"
(kind,) = kinds
with wave.open(path, "wb") as out:
    out.setparams((1, 2, RATES[kind], 0, "NONE", ""))
    out.writeframes(audio)
print(f"id {name} rate {RATES[kind]} digits {digits}", flush=True)
