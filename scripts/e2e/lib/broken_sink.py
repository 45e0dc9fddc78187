"""A native sink with one fault of its own: broken_sink.py PORT FAULT. The conformance kit must find each."""

import asyncio
import json
import struct
import sys

import websockets

PORT, FAULT = int(sys.argv[1]), sys.argv[2]
seen = set()


async def serve(socket):
    hello = json.loads(await socket.recv())
    stream = hello["stream"]
    if FAULT == "refuses_again" and stream in seen:
        return await socket.close(1008, "this stream was here before")
    seen.add(stream)
    async for message in socket:
        if isinstance(message, str):
            kind = json.loads(message)["type"]
            if FAULT == "dies_of_pause" and kind == "paused":
                raise RuntimeError("what is a pause?")
            if FAULT == "dies_of_the_unknown" and kind not in ("gap", "manifest", "dtmf", "mark", "paused", "resumed", "muted", "unmuted", "held", "unheld"):
                return await socket.close(1011, f"cannot handle {kind}")
            if FAULT == "dies_of_gaps" and kind == "gap":
                return await socket.close(1003, "where is the audio?")
            continue
        position, = struct.unpack_from(">Q", message, 8)
        track = ["from_customer", "to_customer"][message[1]]
        if FAULT == "acknowledges_the_future":
            await socket.send(json.dumps({"type": "ack", "track": track, "position": position + 8000}))
        if FAULT == "chatters":
            await socket.send("thanks for the audio")
        if FAULT == "works_while_it_reads":
            await asyncio.sleep(0.05)


async def main():
    async def handle(socket):
        try:
            await serve(socket)
        except websockets.ConnectionClosed:
            pass

    # One frame waits at most, so that a sink that works while it reads is seen as what it is.
    async with websockets.serve(handle, "127.0.0.1", PORT, max_queue=1) as server:
        await server.serve_forever()


asyncio.run(main())
