"""A sink of Twilio's messages that keeps what it hears as it came: twilio_ear.py DIRECTORY [PORT] prints its port.

Each message of audio is a line of DIRECTORY/STREAM.heard at once: track, position in samples, mu-law in hexadecimal. `stop` makes
DIRECTORY/STREAM.stopped. Whoever kills it and starts it again goes on in the same file.
"""
import asyncio
import base64
import json
import pathlib
import sys

import websockets

directory = pathlib.Path(sys.argv[1])
TRACKS = {"inbound": "from_customer", "outbound": "to_customer"}


async def hear(ws):
    stream = None
    async for text in ws:
        message = json.loads(text)
        if message["event"] == "start":
            assert message["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}, message
            stream = message["start"]["customParameters"]["streaming_id"]
        elif message["event"] == "media":
            media = message["media"]
            line = f"{TRACKS[media['track']]} {int(media['timestamp']) * 8} {base64.b64decode(media['payload']).hex()}\n"
            with open(directory / f"{stream}.heard", "a") as file:
                file.write(line)
        elif message["event"] == "stop":
            (directory / f"{stream}.stopped").touch()


async def main():
    server = await websockets.serve(hear, "127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


asyncio.run(main())
