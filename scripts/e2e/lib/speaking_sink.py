"""A bot at the other end of a stream, in Twilio's words: it says SPEECH, then begins a long rest, cuts it short, and tells what came back.

speaking_sink.py SPEECH.ulaw    prints `listening on HOST:PORT`, then one line of JSON per mark: its name and the seconds since it was set
"""
import asyncio
import base64
import json
import sys
import time

import websockets

FRAME = 160
speech = open(sys.argv[1], "rb").read()


async def say(socket, sid, samples, mark):
    for at in range(0, len(samples), FRAME):
        payload = base64.b64encode(samples[at : at + FRAME]).decode()
        await socket.send(json.dumps({"event": "media", "streamSid": sid, "media": {"payload": payload}}))
    await socket.send(json.dumps({"event": "mark", "streamSid": sid, "mark": {"name": mark}}))
    return time.monotonic()


async def next_mark(socket, set_at):
    while True:
        told = json.loads(await socket.recv())
        if told["event"] == "mark":
            print(json.dumps({"mark": told["mark"]["name"], "after_s": round(time.monotonic() - set_at, 2)}), flush=True)
            return


async def serve(socket):
    while True:
        told = json.loads(await socket.recv())
        if told["event"] == "start":
            break
    sid = told["start"]["streamSid"]
    await next_mark(socket, await say(socket, sid, speech, "spoken"))
    set_at = await say(socket, sid, b"\xff" * FRAME * 400, "cut")
    await asyncio.sleep(0.5)
    await socket.send(json.dumps({"event": "clear", "streamSid": sid}))
    await next_mark(socket, set_at)
    async for _ in socket:
        pass


async def main():
    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        print("listening on %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
        await asyncio.Future()


asyncio.run(main())
