"""Judges one stream at four sinks: four_sinks.py DIRECTORY STREAM [DEAD] compares what each received with its own manifest, sample by sample
and by hash, and the four with each other. DEAD (a sink's name) died on the way: of it only that its account adds up, and that what it
has is what it should have, nothing twice.

Reads from DIRECTORY: manifest.N for each terminal, STREAM.heard (twilio_ear.py), track0 and track1 (timestamp and payload of each RTP
packet), flac.raw, STREAM's Matroska file. Prints how many samples each had of either track.
"""
import glob
import hashlib
import io
import json
import struct
import sys

import ebmlite

directory, stream = sys.argv[1:3]
dead = sys.argv[3] if len(sys.argv) > 3 else None
TRACKS = ("from_customer", "to_customer")
# What a connection had taken when it broke is not sent again: the system's buffers on both sides.
IN_BUFFERS = 8000
FRAME = 160


def twilio(_):
    for line in open(f"{directory}/{stream}.heard"):
        track, position, data = line.split()
        yield track, int(position), bytes.fromhex(data), 1


def siprec(manifest):
    for number, track in enumerate(TRACKS):
        base = None
        for line in open(f"{directory}/track{number}"):
            timestamp, payload = line.split()
            base = int(timestamp) - first_given(manifest, track) if base is None else base
            yield track, (int(timestamp) - base) % 2**32, bytes.fromhex(payload.replace(":", "")), 1


def archive(_):
    (path,) = glob.glob(f"{directory}/mkv/*{stream}*.mkv")
    names = {}
    (segment,) = [one for one in ebmlite.loadSchema("matroska.xml").load(io.BytesIO(open(path, "rb").read()), headers=True) if one.name == "Segment"]
    for element in segment:
        if element.name == "Tracks":
            for entry in element:
                values = {one.name: one.value for one in entry if one.name != "Audio"}
                names[values["TrackNumber"]] = values["Name"].removeprefix("AUDIO_").lower()
        elif element.name == "Cluster":
            base = next(one.value for one in element if one.name in ("Timecode", "Timestamp"))
            for block in (one for one in element if one.name == "SimpleBlock"):
                raw = bytes(block.value)
                yield names[raw[0] & 0x7F], 8 * (base + struct.unpack(">h", raw[1:3])[0]), raw[4:], 2


def flac(manifest):
    """The file has zeros where nothing was given."""
    interleaved = open(f"{directory}/flac.raw", "rb").read()
    assert len(interleaved) == 4 * manifest["clock"], (len(interleaved) / 4, manifest["clock"])
    for number, track in enumerate(TRACKS):
        samples = b"".join(interleaved[at : at + 2] for at in range(2 * number, len(interleaved), 4))
        for start, end in given(manifest, track):
            yield track, start, samples[2 * start : 2 * end], 2


def account(manifest, track):
    return next(one for one in manifest["tracks"] if one["track"] == track)


def given(manifest, track):
    """The stretches that were given, by the account: whole frames of 20 ms, of which one with any audio is given even if a pause begins
    or ends in it, and one without by what it begins with."""
    frames = {}
    for span in account(manifest, track)["spans"]:
        for frame in range(span["start"] // FRAME, -(-(span["start"] + span["samples"]) // FRAME)):
            frames.setdefault(frame, []).append(span["kind"])
    for frame, kinds in sorted(frames.items()):
        if "audio" in kinds or kinds[0] not in ("paused", "discarded"):
            yield frame * FRAME, min((frame + 1) * FRAME, manifest["clock"])


def kinds(manifest, track):
    return [span["kind"] for span in account(manifest, track)["spans"] for _ in range(span["samples"])]


def first_given(manifest, track):
    return next(given(manifest, track))[0]


def places(ranges):
    return {position for start, end in ranges for position in range(start, end)}


def judge(name, manifest, heard):
    """What was heard is what the account says was given: the same places, the same bytes."""
    told = {}
    for track in TRACKS:
        pieces = [(position, data, width) for of, position, data, width in heard if of == track]
        # Matroska's times are milliseconds.
        slack = 7 if name == "archive" else 0
        wanted, expected = sorted(places(given(manifest, track))), 0
        for position, data, width in pieces:
            samples = len(data) // width
            assert expected + samples <= len(wanted), f"{name}, {track}: {samples} samples too many at {position}"
            here = wanted[expected]
            assert abs(here - position) <= slack, f"{name}, {track}: at {position} instead of {here}"
            assert wanted[expected + samples - 1] - here == samples - 1, f"{name}, {track}: a piece over a gap at {position}"
            expected += samples
        assert expected == len(wanted), f"{name}, {track}: {expected} of {len(wanted)} samples"
        sha256 = hashlib.sha256(b"".join(data for _, data, _ in pieces)).hexdigest()
        assert sha256 == account(manifest, track)["sha256"], f"{name}, {track}: another hash"
        told[track] = expected
    return told


def judge_dead(name, manifest, heard):
    """Nothing twice, nothing that was not given; of a sink that is owed everything all but what was in the buffers."""
    for track in TRACKS:
        had = [position + n for of, position, data, width in heard if of == track for n in range(len(data) // width)]
        wanted = places(given(manifest, track))
        assert len(had) == len(set(had)), f"{name}, {track}: samples came twice"
        assert set(had) <= wanted, f"{name}, {track}: samples that were never given"
        if name == "bot":
            assert len(wanted) - len(had) <= IN_BUFFERS and max(had) == max(wanted), f"{name}, {track}: {len(had)} of {len(wanted)} samples"


manifests = [json.load(open(path)) for path in sorted(glob.glob(f"{directory}/manifest.?"))]
assert [one["sink"] for one in manifests] == ["bot", "recorder", "archive", "flac"], manifests
told = {}
for manifest, read in zip(manifests, (twilio, siprec, archive, flac)):
    name = manifest["sink"]
    assert manifest["holds"], manifest
    for track in manifest["tracks"]:
        assert sum(track["samples"].values()) == manifest["clock"], track
    if name == dead:
        judge_dead(name, manifest, list(read(manifest)))
    else:
        told[name] = judge(name, manifest, list(read(manifest)))
# One clock: the same start, the same end, every change at the same sample, but for a packet that came while the change was on its way to
# one terminal and not yet to the other.
alive = [one for one in manifests if one["sink"] != dead]
differ = 0
for one in alive[1:]:
    assert one["clock"] == alive[0]["clock"], {it["sink"]: it["clock"] for it in alive}
    for track in TRACKS:
        edges = [span["start"] for span in account(alive[0], track)["spans"]] + [one["clock"]]
        for position, (first, second) in enumerate(zip(kinds(alive[0], track), kinds(one, track))):
            if first != second:
                differ += 1
                assert any(abs(position - edge) <= FRAME for edge in edges), f"{one['sink']}, {track}: {second} at {position}, and {first} at {alive[0]['sink']}"
paused = account(alive[0], "from_customer")["samples"]["paused"]
assert paused > 4000, f"{paused} samples were paused"
print(json.dumps({"clock": alive[0]["clock"], "paused": paused, "differ": differ, **told}))
