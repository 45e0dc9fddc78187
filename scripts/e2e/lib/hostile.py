"""A server that mistreats whoever streams to it. It prints `listening on HOST:PORT`, then serves until it is ended.

hostile.py mid-frame    closes after the first half of a frame of its own
hostile.py flood        sends text as fast as 500 messages a second, and never reads
hostile.py mute         takes the connection and says nothing: no TLS, no HTTP
"""
import asyncio
import base64
import hashlib
import sys

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3


async def shake_hands(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(line.split(":", 1)[1].strip() for line in head.splitlines() if line.lower().startswith("sec-websocket-key:"))
    accept = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
    writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
    await writer.drain()


async def mid_frame(reader, writer):
    await shake_hands(reader, writer)
    await asyncio.sleep(0.5)
    # A text frame of 100 bytes, half of it.
    writer.write(b"\x81\x64" + b"x" * 50)
    await writer.drain()


async def flood(reader, writer):
    await shake_hands(reader, writer)
    text = b'{"type":"mark","name":"' + b"x" * 90 + b'"}'
    frame = bytes([0x81, len(text)]) + text
    while True:
        writer.write(frame * 5)
        await writer.drain()
        await asyncio.sleep(0.01)


async def mute(reader, writer):
    await asyncio.sleep(3600)


async def main():
    serve = {"mid-frame": mid_frame, "flood": flood, "mute": mute}[sys.argv[1]]

    async def guarded(reader, writer):
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, StopIteration):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    print("listening on %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    await server.serve_forever()


asyncio.run(main())
