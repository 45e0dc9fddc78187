"""The SDK's three clients of Kinesis Video Streams against a live call: where, what, and the media from every start.

store_client.py URL SECRET CALL STREAM DIRECTORY     writes what each track says to DIRECTORY/TRACK.wav
"""
import datetime
import http.client
import io
import json
import struct
import sys
import time
import urllib.parse
import wave

import boto3
import ebmlite
from botocore.config import Config
from botocore.exceptions import ClientError

url, secret, call, stream, directory = sys.argv[1:]
name = f"calls-contact-{call}-{stream}"
schema = ebmlite.loadSchema("matroska.xml")
EBML = b"\x1a\x45\xdf\xa3"


def client(service, secret=secret, endpoint=url):
    return boto3.client(
        service, endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id="local", aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
    )


def fragments(data):
    """What an independent parser makes of the bytes: per fragment its tags and its blocks by track name."""
    starts = [at for at in range(len(data)) if data.startswith(EBML, at)]
    for at, end in zip(starts, starts[1:] + [len(data)]):
        yield parse(data[at:end])


def parse(data):
    document = schema.load(io.BytesIO(data), headers=True)
    tags, names, blocks = {}, {}, []
    segment = next(element for element in document if element.name == "Segment")
    for element in segment:
        if element.name == "Tracks":
            for entry in element:
                values = {each.name: each.value for each in entry if each.name != "Audio"}
                assert values["CodecID"] == "A_PCM/INT/LIT", values
                names[values["TrackNumber"]] = values["Name"]
        elif element.name == "Tags":
            for tag in element:
                for simple in (each for each in tag if each.name == "SimpleTag"):
                    values = {each.name: each.value for each in simple}
                    tags[values["TagName"]] = values["TagString"]
        elif element.name == "Cluster":
            base = next(each.value for each in element if each.name in ("Timecode", "Timestamp"))
            for block in (each for each in element if each.name == "SimpleBlock"):
                raw = bytes(block.value)
                (since,) = struct.unpack(">h", raw[1:3])
                blocks.append((names[raw[0] & 0x7F], base + since, raw[4:]))
    return tags, blocks


def number(fragment):
    return fragment[0]["AWS_KINESISVIDEO_FRAGMENT_NUMBER"]


def raises(expected, function):
    try:
        function()
    except expected as error:
        return error.response["Error"]
    raise AssertionError(f"{expected} was not raised")


video = client("kinesisvideo")
endpoint = video.get_data_endpoint(StreamName=name, APIName="GET_MEDIA")["DataEndpoint"]
assert endpoint == url.rstrip("/"), endpoint
media = client("kinesis-video-media", endpoint=endpoint)
archive = client("kinesis-video-archived-media", endpoint=endpoint)
info = video.describe_stream(StreamName=name)["StreamInfo"]
assert info["Status"] == "ACTIVE" and info["DataRetentionInHours"] == 24, info
listed = video.list_streams(StreamNameCondition={"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": f"calls-contact-{call}"})
assert [each["StreamARN"] for each in listed["StreamInfoList"]] == [info["StreamARN"]], listed
arn = info["StreamARN"]


def get(start, **more):
    return media.get_media(StreamARN=arn, StartSelector={"StartSelectorType": start, **more})["Payload"]


# Somebody who asks and does not read, beside everybody else.
host = urllib.parse.urlsplit(url)
lazy = http.client.HTTPConnection(host.hostname, host.port)
lazy.request("POST", "/getMedia", json.dumps({"StreamName": name, "StartSelector": {"StartSelectorType": "EARLIEST"}}),
             {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"})

# Some fragments have come and gone by when somebody asks for what is new.
live = get("EARLIEST")
first = live.read(60_000)
assert first.startswith(EBML), first[:8]
now = get("NOW")
raises(media.exceptions.ClientLimitExceededException, lambda: get("NOW"))
begun = time.monotonic()
latest = now.read(1000)
assert time.monotonic() - begun < 5, "NOW did not come while the call goes on"
whole = first + live.read()
rest = latest + now.read()
lazy.close()

everything = list(fragments(whole))
assert len(everything) >= 10, len(everything)
for tags, blocks in everything:
    assert tags["ContactId"] == call and tags["InstanceId"] == "sidestream", tags
    assert tags["AWS_KINESISVIDEO_CONTINUATION_TOKEN"] == tags["AWS_KINESISVIDEO_FRAGMENT_NUMBER"], tags
    assert {"AWS_KINESISVIDEO_SERVER_TIMESTAMP", "AWS_KINESISVIDEO_PRODUCER_TIMESTAMP", "AWS_KINESISVIDEO_MILLIS_BEHIND_NOW"} <= set(tags), tags
    assert all(len(data) <= 1024 for _, _, data in blocks)
numbers = [number(each) for each in everything]
assert numbers == sorted(set(numbers), key=int), "fragment numbers do not rise"
times = [at for _, blocks in everything for _, at, _ in blocks]
assert times == sorted(times), "time goes back"
late = [number(each) for each in fragments(rest)]
assert late == numbers[-len(late):] and len(late) < len(numbers), (late, numbers)

# From a fragment, from a token, from times; ended streams end their answers.
third = everything[2][0]
for start, more in (
    ("FRAGMENT_NUMBER", {"AfterFragmentNumber": numbers[2]}),
    ("CONTINUATION_TOKEN", {"ContinuationToken": numbers[2]}),
):
    got = [number(each) for each in fragments(get(start, **more).read())]
    assert got == numbers[3:], (start, got)
for clock in ("SERVER", "PRODUCER"):
    at = int(float(third[f"AWS_KINESISVIDEO_{clock}_TIMESTAMP"]))
    at = datetime.datetime.fromtimestamp(at + 2, datetime.timezone.utc)
    got = [each[0] for each in fragments(get(f"{clock}_TIMESTAMP", StartTimestamp=at).read())]
    assert 0 < len(got) < len(numbers), (clock, len(got))
    length = 1 if clock == "PRODUCER" else 0
    assert float(got[0][f"AWS_KINESISVIDEO_{clock}_TIMESTAMP"]) + length >= at.timestamp(), (clock, at, got[0])

pages = archive.get_paginator("list_fragments").paginate(StreamName=name, PaginationConfig={"PageSize": 4})
found = [each for page in pages for each in page["Fragments"]]
assert [each["FragmentNumber"] for each in found] == numbers, found
two = archive.get_media_for_fragment_list(StreamName=name, Fragments=[numbers[1], numbers[0]])["Payload"].read()
assert [number(each) for each in fragments(two)] == [numbers[1], numbers[0]]

missing = media.exceptions.ResourceNotFoundException
raises(missing, lambda: media.get_media(StreamName="nobody", StartSelector={"StartSelectorType": "NOW"}))
raises(archive.exceptions.ResourceNotFoundException, lambda: archive.get_media_for_fragment_list(StreamName=name, Fragments=["1"]))
raises(media.exceptions.InvalidArgumentException, lambda: get("FRAGMENT_NUMBER"))
stranger = client("kinesis-video-media", secret="not-the-secret-at-all")
error = raises(ClientError, lambda: stranger.get_media(StreamName=name, StartSelector={"StartSelectorType": "NOW"}))
assert error["Code"] == "InvalidSignatureException", error

for track in ("AUDIO_FROM_CUSTOMER", "AUDIO_TO_CUSTOMER"):
    samples = bytearray()
    for _, blocks in everything:
        for of, at, data in blocks:
            if of == track:
                samples += bytes(max(0, 2 * 8 * at - len(samples))) + data
    with wave.open(f"{directory}/{track}.wav", "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(samples)
print(len(everything), "fragments")
