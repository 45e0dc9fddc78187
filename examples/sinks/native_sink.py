"""A sink of the native protocol: writes each track of each stream into a WAV file, and acknowledges what it wrote.

    pip install websockets
    python native_sink.py --port 9090 --directory out

Everything that is not audio may be passed over; here it is printed. docs/native-protocol.md describes every byte.
"""

import argparse
import asyncio
import json
import pathlib
import struct
import wave

import websockets

AUDIO = 0x11
TRACKS = ["from_customer", "to_customer"]
HEADER = struct.Struct(">BBBBIQQ")


class Track:
    """One track of a stream: a file in which every sample lies at its position."""

    def __init__(self, path, rate):
        self.end = 0
        self.acknowledged = 0
        self.file = wave.open(str(path), "wb")
        self.file.setparams((1, 2, rate, 0, "NONE", ""))

    def take(self, position, samples):
        """Writes what is new of a frame; after a reconnect frames come again. What was never sent is silence."""
        if position > self.end:
            self.file.writeframes(bytes(2 * (position - self.end)))
            self.end = position
        new = samples[2 * (self.end - position):]
        self.file.writeframes(new)
        self.end += len(new) // 2


class Stream:
    """A stream, over all its connections."""

    def __init__(self, hello, directory):
        if hello["encoding"] != "pcm_s16le":
            raise ValueError(f"configure encoding = \"l16\": this sink does not read {hello['encoding']}")
        name = f"{hello['call']}-{hello['stream']}"
        self.rate = hello["sample_rate"]
        self.tracks = {track: Track(directory / f"{name}-{track}.wav", self.rate) for track in hello["tracks"]}

    def close(self):
        for track in self.tracks.values():
            track.file.close()


async def serve(socket, streams, directory):
    hello = json.loads(await socket.recv())
    if hello.get("type") != "hello":
        return await socket.close(1002, "the first message must be a hello")
    stream = streams.get(hello["stream"]) or streams.setdefault(hello["stream"], Stream(hello, directory))
    print(f"{hello['stream']} connection {hello['connection']}: {hello['from']} -> {hello['to']}", flush=True)
    async for message in socket:
        if isinstance(message, str):
            event = json.loads(message)
            if event["type"] == "manifest":
                streams.pop(hello["stream"]).close()
            print(f"{hello['stream']} {event['type']}", flush=True)
            continue
        version, track, _kind, _flags, _sequence, position, _arrival = HEADER.unpack_from(message)
        if version != AUDIO:
            continue
        line = stream.tracks[TRACKS[track]]
        line.take(position, message[HEADER.size:])
        # Twice a second is enough: what is not acknowledged comes again after a loss.
        if line.end - line.acknowledged >= stream.rate // 2:
            line.acknowledged = line.end
            await socket.send(json.dumps({"type": "ack", "track": TRACKS[track], "position": line.end}))


async def main():
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=9090)
    options.add_argument("--directory", type=pathlib.Path, default=pathlib.Path("out"))
    options = options.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    streams = {}

    async def handle(socket):
        try:
            await serve(socket, streams, options.directory)
        except websockets.ConnectionClosed:
            pass  # The stream comes again with the next connection, and goes on behind the last acknowledgement.

    async with websockets.serve(handle, "127.0.0.1", options.port) as server:
        print(f"listening on ws://127.0.0.1:{options.port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
