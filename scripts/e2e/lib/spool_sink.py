"""A sink of the native protocol that may be killed at any moment, and the judge of what it has.

spool_sink.py serve PORT DIRECTORY          0: any port. Writes what comes to DIRECTORY/STREAM.received before it is acknowledged
spool_sink.py judge DIRECTORY SPOKEN MANIFESTS KILLED_AT [FACTOR]

`judge` reads what all lives of the sink received and writes DIRECTORY/STREAM.json: bytes and sha256 of each track by position. It fails
unless every stream has every sample of its clock exactly once, as it was SPOKEN (16 bit, 8000 Hz; both tracks, since the party is an
echo), with the hash of the manifest that came, which is the one that the server gave in MANIFESTS/STREAM.json. A stream without one there
has to end as `server_lost`, not more than a second before KILLED_AT. With FACTOR every stream has to have lost its sink, and to have caught up so
many times as fast as it was spoken.
"""
import asyncio
import hashlib
import json
import pathlib
import struct
import sys
import time

import websockets

# Of the file: when it came, whether it is a text, how long it is. Of a frame: docs/native-protocol.md.
RECORD = struct.Struct(">d?I")
FRAME = struct.Struct(">BBBBIQQ")
TRACKS = ("from_customer", "to_customer")
KINDS = ("audio", "lost", "silence", "held", "muted", "paused", "discarded")
ACKNOWLEDGE_EVERY = 10
# Behind real time by no more than this, a stream has caught up; seeking the sink and its handshake may take as much beside the backlog.
LIVE_S = 0.5
SEEKING_S = 2.0
LOST_AT_MOST_S = 1.0


def parse(frame):
    version, track, kind, flags, _, position, _ = FRAME.unpack_from(frame)
    assert version == 0x11, f"a frame begins with {version:#x}"
    return TRACKS[track], KINDS[kind], bool(flags & 2), position, frame[FRAME.size :]


async def receive(socket, directory):
    hello = await socket.recv()
    with open(directory / f"{json.loads(hello)['stream']}.received", "ab", buffering=0) as file:

        # Whole records in one write: who is killed leaves no half of one, and a hundred streams that catch up need not one write each.
        unkept = bytearray()

        def keep(message):
            data = message.encode() if isinstance(message, str) else message
            unkept.extend(RECORD.pack(time.time(), isinstance(message, str), len(data)) + data)

        def store():
            file.write(unkept)
            unkept.clear()

        async def acknowledge():
            store()
            try:
                for track in list(has):
                    await socket.send(json.dumps({"type": "ack", "track": track, "position": has.pop(track)}))
            except websockets.ConnectionClosed:
                # What came before the close is still to be read.
                pass

        keep(hello)
        store()
        has, frames = {}, 0
        try:
            async for message in socket:
                keep(message)
                if isinstance(message, bytes):
                    track, _, _, position, data = parse(message)
                    has[track] = position + len(data) // 2
                    frames += 1
                    if frames % ACKNOWLEDGE_EVERY == 0:
                        await acknowledge()
                    continue
                told = json.loads(message)
                if told["type"] == "gap":
                    has[told["track"]] = told["position"] + told["samples"]
                if told["type"] in ("gap", "manifest"):
                    await acknowledge()
        finally:
            store()


async def listen(port, directory):
    async def handle(socket):
        try:
            await receive(socket, directory)
        except websockets.ConnectionClosed:
            pass

    async with websockets.serve(handle, "127.0.0.1", port) as server:
        print("listening on %d" % server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


def received(path):
    data, at = path.read_bytes(), 0
    while at < len(data):
        when, is_text, length = RECORD.unpack_from(data, at)
        message = data[at + RECORD.size : at + RECORD.size + length]
        assert len(message) == length, "what came last was not kept whole"
        at += RECORD.size + length
        yield when, json.loads(message) if is_text else message


class Stream:
    """What came of one stream, by track and position."""

    def __init__(self, path):
        self.frames = {track: {} for track in TRACKS}
        self.gaps = {track: {} for track in TRACKS}
        self.manifests, self.repeated, self.connections, self.caught_up = [], 0, 0, []
        before = back = None
        for when, told in received(path):
            if isinstance(told, bytes):
                position = self.add_frame(told)
                if back and when - self.started_at - position / self.rate < LIVE_S:
                    self.caught_up.append((when - back, back - before))
                    back = None
            elif told["type"] == "hello":
                self.rate, self.started_at = told["sample_rate"], told["started_at"] / 1000
                self.connections += 1
                back = when if before else None
            elif told["type"] == "gap":
                self.gaps[told["track"]][told["position"]] = (told["samples"], told["kind"])
            elif told["type"] == "manifest":
                self.manifests.append(told)
            before = when if back is None else before

    def add_frame(self, message):
        track, kind, repeated, position, data = parse(message)
        before = self.frames[track].setdefault(position, (kind, data))
        assert before[1] == data, f"{track} {position}: what came again is something else"
        self.repeated += repeated
        return position

    def check_whole(self, track, clock):
        pieces = [(at, len(data) // 2) for at, (_, data) in self.frames[track].items()]
        pieces += [(at, samples) for at, (samples, _) in self.gaps[track].items()]
        due = 0
        for at, samples in sorted(pieces):
            assert at == due, f"{track}: a piece begins at {at} where {due} was due"
            due += samples
        assert due == clock, f"{track} ends at {due}, the clock at {clock}"
        given_up = [gap for gap in self.gaps[track].items() if gap[1][1] == "discarded"]
        return given_up

    def check_spoken(self, track, spoken):
        """Whether the audio is what was spoken; answers how many samples of it there are."""
        runs, due = [], None
        for at, (kind, data) in sorted(self.frames[track].items()):
            if kind != "audio":
                continue
            if at == due:
                runs[-1] += data
            else:
                runs.append(bytearray(data))
            due = at + len(data) // 2
        begin = 0
        for run in runs:
            # The talk may begin and end within the stream, and the phone with it.
            sound = bytes(run).strip(b"\0")
            begin = spoken.find(sound, begin)
            assert begin >= 0, f"{track}: {len(run) // 2} samples in a row were not spoken"
            begin += len(sound)
        return sum(map(len, runs)) // 2


def judge_stream(path, spoken, given, killed_at, factor):
    stream = Stream(path)
    assert stream.manifests, "no manifest came"
    first, last = stream.manifests[0], stream.manifests[-1]
    assert all(each == first for each in stream.manifests), "manifests that differ"
    manifest = last["manifest"]
    result = {"stream": manifest["stream"], "cause": last["cause"], "connections": stream.connections, "repeated": stream.repeated, "tracks": {}}
    clock = manifest["clock"]
    for entry in manifest["tracks"]:
        track = entry["track"]
        given_up = stream.check_whole(track, clock)
        payloads = [data for _, (_, data) in sorted(stream.frames[track].items())]
        digest = hashlib.sha256(b"".join(payloads)).hexdigest()
        assert digest == entry["sha256"], f"{track}: the hash of what came is not the manifest's"
        samples = stream.check_spoken(track, spoken)
        assert samples > stream.rate, f"{track}: only {samples} samples of speech"
        if given is not None:
            assert not given_up, f"{track}: {given_up} were given up"
        result["tracks"][track] = {"sha256": digest, "frames": len(payloads), "spoken_samples": samples}
    if given is None:
        result["lost_s"] = round(killed_at - stream.started_at - clock / stream.rate, 3)
        assert last["cause"] == "server_lost", f"the cause is {last['cause']}"
        assert result["lost_s"] <= LOST_AT_MOST_S, f"{result['lost_s']} s before the end are missing"
    else:
        hashes = {entry["track"]: entry["sha256"] for entry in given["tracks"]}
        assert hashes == {track: each["sha256"] for track, each in result["tracks"].items()}, "the server gave another manifest"
        assert last["cause"] != "server_lost", "the stream had ended before"
    if factor:
        assert stream.connections > 1 and stream.caught_up, f"{stream.connections} connections, never caught up"
        took, away = stream.caught_up[-1]
        result |= {"away_s": round(away, 2), "caught_up_s": round(took, 2)}
        # While it catches up, the call goes on.
        assert took <= away / (factor - 1) + SEEKING_S, f"caught up {took:.1f} s after an absence of {away:.1f} s"
    path.with_suffix(".json").write_text(json.dumps(result))
    return result


def judge(directory, spoken, manifests, killed_at, factor=0):
    results = []
    for path in sorted(directory.glob("*.received")):
        given = manifests / f"{path.stem}.json"
        given = json.loads(given.read_text()) if given.exists() else None
        try:
            results.append(judge_stream(path, spoken.read_bytes(), given, float(killed_at), float(factor)))
        except AssertionError as error:
            raise SystemExit(f"AssertionError: stream {path.stem}: {error}") from None

    def worst(name):
        return max((result[name] for result in results if name in result), default=None)

    print(json.dumps({
        "streams": len(results),
        "server_lost": sum(result["cause"] == "server_lost" for result in results),
        "spoken_samples": sum(track["spoken_samples"] for result in results for track in result["tracks"].values()),
        "repeated_frames": sum(result["repeated"] for result in results),
        "away_s": worst("away_s"),
        "caught_up_s": worst("caught_up_s"),
        "lost_s": worst("lost_s"),
    }))


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "serve":
        asyncio.run(listen(int(arguments[0]), pathlib.Path(arguments[1])))
    else:
        directory, spoken, manifests, *more = arguments
        judge(pathlib.Path(directory), pathlib.Path(spoken), pathlib.Path(manifests), *more)
