"""Sinks that are not ours: pipecat's serializers read Twilio's, Telnyx's and AudioHook's wire; AudioHook's rules are checked here as well.

dialect_sinks.py DIRECTORY: prints one line with the ports as JSON; writes NAME-inbound.wav, NAME-outbound.wav and NAME.json for each sink;
goes on until it is terminated.
"""
import array
import asyncio
import base64
import json
import pathlib
import re
import sys
import types
import wave

import websockets
from loguru import logger
from pipecat.frames.frames import InputAudioRawFrame, InputDTMFFrame, OutputTransportMessageUrgentFrame
from pipecat.serializers.genesys import GenesysAudioHookSerializer
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer

RATE = 8000
logger.remove()
directory = pathlib.Path(sys.argv[1])


class Ear:
    """What one sink heard: 16 bit samples by track, and what there is to be told of it."""

    def __init__(self, name, rate=RATE):
        self.name, self.rate = name, rate
        self.audio = {"inbound": bytearray(), "outbound": bytearray()}
        self.told = {"problems": [], "connections": 0, "digits": "", "complete": False}

    def require(self, holds, what):
        if not holds:
            self.told["problems"].append(what)

    def write(self):
        for track, audio in self.audio.items():
            with wave.open(str(directory / f"{self.name}-{track}.wav"), "wb") as file:
                file.setparams((1, 2, self.rate, 0, "NONE", ""))
                file.writeframes(bytes(audio))
        path = directory / f"{self.name}.json"
        path.with_suffix(".part").write_text(json.dumps(self.told))
        path.with_suffix(".part").rename(path)


async def set_up(serializer, rate):
    await serializer.setup(types.SimpleNamespace(audio_in_sample_rate=rate))
    return serializer


async def json_media(ear, serializer, sequence, ws):
    """A Twilio or Telnyx sink; SERIALIZER makes one of a start message, SEQUENCE is the name of the counter."""
    ear.told["connections"] += 1
    readers, last = {}, {}
    number, start = 0, None
    async for text in ws:
        message = json.loads(text)
        event = message["event"]
        if event == "connected":
            ear.require(number == 0, "connected is not the first message")
            continue
        number += 1
        ear.require(message[sequence] == str(number), f"message {number} is numbered {message[sequence]}")
        if event == "start":
            start = message["start"]
            for track in ear.audio:
                readers[track] = await set_up(serializer(message), ear.rate)
            ear.told["start"] = start
        elif event == "media":
            ear.require(start is not None, "audio before start")
            media = message["media"]
            track, timestamp = media["track"], int(media["timestamp"])
            ear.require(timestamp == last.get(track, timestamp - 20) + 20, f"{track} jumps to {timestamp}")
            last[track] = timestamp
            frame = await readers[track].deserialize(text)
            ear.require(isinstance(frame, InputAudioRawFrame), f"no audio in {text:.200}")
            ear.audio[track] += frame.audio
        elif event == "dtmf":
            frame = await readers["inbound"].deserialize(text)
            ear.require(isinstance(frame, InputDTMFFrame), f"no key in {text}")
            ear.told["digits"] += frame.button.value
        elif event == "stop":
            ear.told["complete"] = True
            ear.write()


UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
DURATION = re.compile(r"PT(\d*\.)?\d+S")
STRETCH = {"start": DURATION.fullmatch, "discarded": DURATION.fullmatch}
# The parameters of each client message, by the protocol reference; a name that ends in ? may be missing.
RULES = {
    "open": {
        "organizationId": UUID.fullmatch,
        "conversationId": UUID.fullmatch,
        "participant": lambda it: UUID.fullmatch(it["id"]) and all(isinstance(it[name], str) for name in ("ani", "aniName", "dnis")),
        "media": lambda media: media and all(is_media(one) for one in media),
        "continuedSessions?": lambda them: all(UUID.fullmatch(it["id"]) and it["clientseq"] > 0 <= it["serverseq"] for it in them),
        "language?": lambda tag: isinstance(tag, str),
        "customConfig?": lambda it: isinstance(it, dict),
    },
    "paused": {},
    "resumed": STRETCH,
    "discarded": STRETCH,
    "update": {"language": lambda tag: tag == "de-DE"},
    "ping": {"rtt?": DURATION.fullmatch},
    "error": {"code": lambda code: 400 <= code < 600, "message": lambda text: isinstance(text, str)},
    "close": {"reason": lambda reason: reason in ("end", "error", "disconnect", "reconnect")},
}


def is_media(media):
    channels = media["channels"]
    return media["type"] == "audio" and media["format"] in ("PCMU", "L16") and media["rate"] == RATE and 1 <= len(channels) <= 2


def seconds(duration):
    return float(duration[2:-1])


class HookSession:
    """One AudioHook session: the rules of the client's messages, and samples counted as a server counts them."""

    def __init__(self, ear, ws):
        self.ear, self.ws = ear, ws
        self.id = ws.request.headers["audiohook-session-id"]
        self.seq = self.server_seq = 0
        self.position = self.opened = self.paused = self.closed = None
        for name in ("organization", "session", "correlation"):
            ear.require(UUID.fullmatch(ws.request.headers.get(f"audiohook-{name}-id", "")), f"no audiohook-{name}-id")
        ear.require(ws.request.headers.get("x-api-key") == "k3y", "no x-api-key")

    def hear(self, message):
        kind, parameters = message["type"], message["parameters"]
        require = self.ear.require
        self.seq += 1
        require(message["version"] == "2" and message["id"] == self.id, f"version and session of {message}")
        require(message["seq"] == self.seq, f"message {self.seq} is numbered {message['seq']}")
        require(message["serverseq"] <= self.server_seq, f"serverseq {message['serverseq']}")
        require(DURATION.fullmatch(message["position"]), f"position {message['position']}")
        require(not self.closed, f"{kind} after close")
        rules = {name.rstrip("?"): rule for name, rule in RULES[kind].items()}
        require(parameters.keys() <= rules.keys(), f"{kind} has {list(parameters)}")
        for name, rule in RULES[kind].items():
            value = parameters.get(name.rstrip("?"))
            require(rule(value) if value is not None else name.endswith("?"), f"{kind}: {name} is {value}")
        if kind == "open":
            require(self.seq == 1, "open is not the first message")
            require(parameters["organizationId"] == self.ws.request.headers["audiohook-organization-id"], "another organization")
            self.position = round(seconds(message["position"]) * RATE)
        else:
            require(abs(seconds(message["position"]) * RATE - self.position) < 1, f"{kind} at {message['position']}, {self.position} were heard")
        if kind == "paused":
            self.paused = self.position
        elif kind in ("resumed", "discarded"):
            start, length = (round(seconds(parameters[name]) * RATE) for name in ("start", "discarded"))
            require(start == self.position, f"{kind} from {start}, {self.position} were heard")
            self.position += length
            for audio in self.ear.audio.values():
                audio += bytes(2 * length)
            self.ear.told.setdefault(kind, []).append([start, length])
            if kind == "resumed":
                require(self.paused is not None, "resumed without paused")
                self.paused = None
        elif kind == "close":
            self.closed = parameters["reason"]
        self.ear.told.setdefault("messages", []).append(kind)

    def audio(self, data, channels, sample_bytes):
        self.ear.require(self.opened and not self.closed and self.paused is None, f"audio at {self.position}")
        self.position += len(data) // (channels * sample_bytes)

    async def say(self, kind, parameters=None):
        self.server_seq += 1
        message = {"version": "2", "id": self.id, "type": kind, "seq": self.server_seq, "clientseq": self.seq, "parameters": parameters or {}}
        await self.ws.send(json.dumps(message))


async def hook_by_pipecat(ear, ws):
    """Answered by pipecat, which hears the customer; the other half is taken by its place."""
    ear.told["connections"] += 1
    session = HookSession(ear, ws)
    serializer = await set_up(GenesysAudioHookSerializer(), RATE)
    other = await set_up(TwilioFrameSerializer("s", params=TwilioFrameSerializer.InputParams(auto_hang_up=False)), RATE)
    async for data in ws:
        if isinstance(data, bytes):
            session.audio(data, 2, 1)
            frame = await serializer.deserialize(data)
            ear.audio["inbound"] += frame.audio
            payload = base64.b64encode(data[1::2]).decode()
            frame = await other.deserialize(json.dumps({"event": "media", "media": {"payload": payload}}))
            ear.audio["outbound"] += frame.audio
            continue
        message = json.loads(data)
        session.hear(message)
        frame = await serializer.deserialize(data)
        if isinstance(frame, OutputTransportMessageUrgentFrame):
            session.server_seq = frame.message["seq"]
            session.opened = session.opened or frame.message["type"] == "opened"
            if message["type"] == "close":
                ear.told["complete"] = True
                ear.told["participant"] = serializer.participant
                ear.write()
            await ws.send(json.dumps(frame.message))


async def hook_that_waits(ear, ws):
    """Opened paused by pipecat, and resumed after a while; counts what it hears."""
    ear.told["connections"] += 1
    session = HookSession(ear, ws)
    parameters = GenesysAudioHookSerializer.InputParams(start_paused=True, supported_languages=["en-US", "de-DE"])
    serializer = await set_up(GenesysAudioHookSerializer(params=parameters), RATE)
    heard = 0

    async def resume():
        await asyncio.sleep(1.5)
        await session.say("resume")

    async for data in ws:
        if isinstance(data, bytes):
            session.audio(data, 2, 1)
            heard += len(data) // 2
            continue
        message = json.loads(data)
        session.hear(message)
        frame = await serializer.deserialize(data)
        if isinstance(frame, OutputTransportMessageUrgentFrame):
            session.server_seq = max(session.server_seq, frame.message["seq"])
            if message["type"] == "open":
                session.opened = True
                waiting = asyncio.create_task(resume())
            if message["type"] == "close":
                ear.told |= {"complete": True, "heard": heard}
                ear.write()
            await ws.send(json.dumps(frame.message))
    waiting.cancel()


async def hook_with_wishes(ear, ws):
    """Chooses linear audio, pauses and resumes, wants another connection, and has had enough on that one."""
    ear.told["connections"] += 1
    first = ear.told["connections"] == 1
    session = HookSession(ear, ws)
    wishes = [(1.5, "pause", {}), (2.5, "resume", {}), (3.5, "reconnect", {})] if first else [(2.0, "disconnect", {"reason": "completed"})]
    begun = None

    async def wish():
        for after, kind, parameters in wishes:
            await asyncio.sleep(max(0, begun + after - asyncio.get_running_loop().time()))
            await session.say(kind, parameters)

    async for data in ws:
        if isinstance(data, bytes):
            session.audio(data, 2, 2)
            for track, at in (("inbound", 0), ("outbound", 2)):
                for place in range(at, len(data), 4):
                    ear.audio[track] += data[place : place + 2]
            continue
        message = json.loads(data)
        session.hear(message)
        if message["type"] == "open":
            offered = [media for media in message["parameters"]["media"] if media["format"] == "L16" and len(media["channels"]) == 2]
            continued = message["parameters"].get("continuedSessions", [])
            ear.require(first == (not continued), f"continued sessions {continued}")
            session.opened = True
            begun = asyncio.get_running_loop().time()
            await session.say("opened", {"media": offered[:1], "startPaused": False})
            wishing = asyncio.create_task(wish())
        elif message["type"] == "ping":
            await session.say("pong")
        elif message["type"] == "close":
            ear.told.setdefault("reasons", []).append(message["parameters"]["reason"])
            await session.say("closed")
            if not first:
                ear.told["complete"] = True
                ear.write()
    wishing.cancel()


class Linear:
    """Telnyx's linear audio, which this pipecat does not read: 16 bit, big-endian (RFC 3551, section 4.5.11)."""

    def __init__(self, others):
        self.others = others

    async def setup(self, setup):
        self.rate = setup.audio_in_sample_rate
        await self.others.setup(setup)

    async def deserialize(self, text):
        message = json.loads(text)
        if message["event"] != "media":
            return await self.others.deserialize(text)
        samples = array.array("h", base64.b64decode(message["media"]["payload"]))
        samples.byteswap()
        return InputAudioRawFrame(audio=samples.tobytes(), sample_rate=self.rate, num_channels=1)


def telnyx(message):
    encoding = message["start"]["media_format"]["encoding"]
    parameters = TelnyxFrameSerializer.InputParams(auto_hang_up=False)
    serializer = TelnyxFrameSerializer(message["stream_id"], encoding, encoding, params=parameters)
    return Linear(serializer) if encoding == "L16" else serializer


def twilio(message):
    return TwilioFrameSerializer(message["streamSid"], params=TwilioFrameSerializer.InputParams(auto_hang_up=False))


async def main():
    sinks = {
        "twilio": lambda ear, ws: json_media(ear, twilio, "sequenceNumber", ws),
        "telnyx": lambda ear, ws: json_media(ear, telnyx, "sequence_number", ws),
        "telnyx16": lambda ear, ws: json_media(ear, telnyx, "sequence_number", ws),
        "hook": hook_by_pipecat,
        "hook16": hook_with_wishes,
        "hookpaused": hook_that_waits,
    }
    ports, servers = {}, []
    for name, sink in sinks.items():
        ear = Ear(name, 16_000 if name == "telnyx16" else RATE)

        async def serve(ws, sink=sink, ear=ear):
            try:
                await sink(ear, ws)
            except websockets.ConnectionClosed:
                pass
            except Exception as error:
                ear.told["problems"].append(repr(error))
                ear.write()
                raise

        server = await websockets.serve(serve, "127.0.0.1", 0)
        servers.append(server)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await asyncio.Future()


asyncio.run(main())
