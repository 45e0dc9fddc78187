"""A sink of the dialect `twilio`: whatever was written for Media Streams takes this server's streams as well.

    pip install websockets
    python twilio_sink.py --port 9091
"""

import argparse
import asyncio
import base64
import json

import websockets


async def handle(socket):
    stream, octets = None, 0
    try:
        async for message in socket:
            event = json.loads(message)
            match event["event"]:
                case "start":
                    stream = event["start"]["customParameters"]["streaming_id"]
                    print(f"{stream} starts: {event['start']['tracks']}", flush=True)
                case "media":
                    octets += len(base64.b64decode(event["media"]["payload"]))
                case "dtmf":
                    print(f"{stream} key {event['dtmf']['digit']}", flush=True)
                case "stop":
                    print(f"{stream} ends after {octets / 8000:.1f} s of mu-law, both tracks together", flush=True)
    except websockets.ConnectionClosed:
        pass  # It comes again, live, with a new `start`.


async def main():
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=9091)
    options = options.parse_args()
    async with websockets.serve(handle, "127.0.0.1", options.port) as server:
        print(f"listening on ws://127.0.0.1:{options.port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
