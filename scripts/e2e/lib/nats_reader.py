"""Reads a log as a consumer does, with nats-py, and puts the tracks of its streams together.

nats_reader.py URL SPOKEN MANIFESTS LOST       LOST: how many streams have to end as `server_lost`

Fails unless each stream's messages describe themselves, begin with the hello and end with the manifest, hold every sample of both tracks once
(no id twice, no hole), as it was SPOKEN (16 bit, 8000 Hz; the party is an echo), with the hash of the manifest in the log, which is that of
MANIFESTS/STREAM.json, the server's own.
"""
import asyncio
import hashlib
import json
import pathlib
import sys

import nats

TRACKS = ("from_customer", "to_customer")


class Stream:
    """One stream, message by message."""

    def __init__(self):
        self.pieces = {track: [] for track in TRACKS}
        self.events, self.manifest, self.ids, self.numbers = [], b"", set(), {}

    def add(self, lane, headers, data):
        identity = headers["Nats-Msg-Id"]
        assert identity not in self.ids, f"{identity} twice"
        self.ids.add(identity)
        kind = headers["Sidestream-Type"]
        if lane in TRACKS:
            assert self.events, f"{lane}: audio before the hello"
            number = int(headers["Sidestream-Sequence"])
            assert number == self.numbers.get(lane, 0) + 1, f"{lane}: number {number} behind {self.numbers.get(lane, 0)}"
            self.numbers[lane] = number
            assert (headers["Sidestream-Format"], headers["Sidestream-Rate"]) == ("pcm_s16le", "8000"), dict(headers)
            samples = int(headers["Sidestream-Samples"])
            assert len(data) == (2 * samples if kind == "audio" else 0), f"{kind} of {samples} samples has {len(data)} bytes"
            self.pieces[lane].append((int(headers["Sidestream-Start"]), samples, headers["Sidestream-Kind"], data))
        elif kind.startswith("manifest"):
            self.manifest += data
        else:
            self.events.append(json.loads(data))

    def judge(self, name, spoken, given):
        assert self.events[0]["type"] == "hello" and self.events[0]["stream"] == name, self.events[:1]
        last = json.loads(self.manifest)
        manifest, total = last["manifest"], 0
        for track in manifest["tracks"]:
            pieces, due = sorted(self.pieces[track["track"]]), 0
            for start, samples, kind, _ in pieces:
                assert start == due, f"{track['track']}: {start} where {due} was due"
                assert kind != "discarded" or not given, f"{track['track']}: {samples} samples were given up"
                due += samples
            assert due == manifest["clock"], f"{track['track']} ends at {due}, the clock at {manifest['clock']}"
            digest = hashlib.sha256(b"".join(data for *_, data in pieces)).hexdigest()
            assert digest == track["sha256"], f"{track['track']}: the hash is not the manifest's"
            total += self.heard(track["track"], spoken)
        if given:
            assert {t["track"]: t["sha256"] for t in given["tracks"]} == {t["track"]: t["sha256"] for t in manifest["tracks"]}
        return last["cause"], total

    def heard(self, track, spoken):
        """How many samples of a track are speech, each run of them as it was spoken and behind the one before."""
        runs, end = [], None
        for start, samples, kind, data in sorted(self.pieces[track]):
            if kind != "audio":
                continue
            if start == end:
                runs[-1] += data
            else:
                runs.append(bytearray(data))
            end, at = start + samples, 0
        for run in runs:
            sound = bytes(run).strip(b"\0")
            at = spoken.find(sound, at)
            assert at >= 0, f"{track}: {len(run) // 2} samples in a row were not spoken"
        return sum(map(len, runs)) // 2


async def read(url):
    client = await nats.connect(url)
    log = client.jetstream()
    held = (await log.stream_info("CALLS")).state.messages
    consumer = await log.subscribe("calls.>", ordered_consumer=True)
    streams = {}
    for _ in range(held):
        message = await consumer.next_msg(timeout=10)
        _, _, stream, lane = message.subject.split(".")
        streams.setdefault(stream, Stream()).add(lane, message.headers, message.data)
    await client.close()
    return streams


def main(url, spoken, manifests, lost):
    causes, total = [], 0
    streams = asyncio.run(read(url))
    for name, stream in streams.items():
        given = pathlib.Path(manifests, f"{name}.json")
        try:
            cause, samples = stream.judge(name, pathlib.Path(spoken).read_bytes(), json.loads(given.read_text()) if given.exists() else None)
        except AssertionError as error:
            raise SystemExit(f"AssertionError: stream {name}: {error}") from None
        assert samples > 16000, f"stream {name}: only {samples} samples of speech"
        causes.append(cause)
        total += samples
    assert causes.count("server_lost") == int(lost), causes
    print(json.dumps({"streams": len(streams), "messages": sum(len(s.ids) for s in streams.values()), "spoken_samples": total, "causes": causes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
