"""The unmodified SDK on a live contact, its recording, and the queues: every operation's success, its typed errors, a replay.

boto3_contacts.py URL SECRET CALL WAV_DIRECTORY
"""
import glob
import sys
import time
import urllib.error
import urllib.request
import wave

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

url, secret, call, recordings = sys.argv[1:]
nobody = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def client(key="local", secret=secret):
    return boto3.client(
        "connect", endpoint_url=url, region_name="eu-west-1", aws_access_key_id=key, aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


connect = client()
errors = connect.exceptions


def raises(expected, function, **arguments):
    """Calls, and returns the code of the error that comes."""
    try:
        function(**arguments)
    except expected as error:
        return error.response["Error"]["Code"]
    raise AssertionError(f"{expected} was not raised by {arguments}")


def recorded(**more):
    return {"InstanceId": "local", "ContactId": call, "InitialContactId": call, **more}


# Attributes.
connect.update_contact_attributes(InstanceId="local", InitialContactId=call, Attributes={"tier": "gold", "mood": "good"})
connect.update_contact_attributes(InstanceId="local", InitialContactId=call, Attributes={"mood": "better"})
attributes = connect.get_contact_attributes(InstanceId="local", InitialContactId=call)["Attributes"]
assert attributes == {"tier": "gold", "mood": "better"}, attributes
raises(errors.ResourceNotFoundException, connect.get_contact_attributes, InstanceId="local", InitialContactId=nobody)
raises(errors.ResourceNotFoundException, connect.update_contact_attributes, InstanceId="local", InitialContactId=nobody, Attributes={"a": "b"})
large = {"a": "x" * 20_000, "b": "x" * 20_000}
raises(errors.InvalidRequestException, connect.update_contact_attributes, InstanceId="local", InitialContactId=call, Attributes=large)

# The recording: a second each of speech, silence, speech.
raises(errors.ResourceNotFoundException, connect.suspend_contact_recording, **recorded())
connect.start_contact_recording(**recorded(VoiceRecordingConfiguration={"VoiceRecordingTrack": "ALL"}))
time.sleep(1.5)
raises(errors.InvalidRequestException, connect.start_contact_recording, **recorded(VoiceRecordingConfiguration={"VoiceRecordingTrack": "ALL"}))
connect.suspend_contact_recording(**recorded(ContactRecordingType="AGENT"))
time.sleep(1.5)
connect.resume_contact_recording(**recorded())
time.sleep(1.5)
connect.stop_contact_recording(**recorded())
raises(errors.InvalidRequestException, connect.start_contact_recording, **recorded(VoiceRecordingConfiguration={}))
raises(errors.InvalidRequestException, connect.resume_contact_recording, **recorded())
raises(errors.InvalidRequestException, connect.suspend_contact_recording, **recorded(ContactRecordingType="SCREEN"))
raises(errors.ResourceNotFoundException, connect.stop_contact_recording, InstanceId="local", ContactId=nobody, InitialContactId=nobody)
raises(errors.InvalidParameterException, connect.start_contact_recording, **recorded(VoiceRecordingConfiguration={"VoiceRecordingTrack": "ME"}))

contact = connect.describe_contact(InstanceId="local", ContactId=call)["Contact"]
assert contact["Id"] == call and contact["Channel"] == "VOICE", contact
assert contact["Attributes"] == attributes, contact
assert contact["InitiationTimestamp"].year >= 2020 and "DisconnectTimestamp" not in contact, contact
found = [r for r in contact["Recordings"] if r["Location"].startswith("recorder/")]
assert len(found) == 1 and found[0]["MediaStreamType"] == "AUDIO" and found[0]["ParticipantType"] == "ALL", contact
raises(errors.ResourceNotFoundException, connect.describe_contact, InstanceId="local", ContactId=nobody)

time.sleep(0.5)
stream = found[0]["Location"].split("/")[1]
(path,) = [path for path in glob.glob(f"{recordings}/**/*.wav", recursive=True) if stream in path]
with wave.open(path) as wav:
    rate, frames = wav.getframerate(), wav.readframes(wav.getnframes())
    assert wav.getnchannels() == 2, "a recording has a channel for each party"
    seconds = wav.getnframes() / rate
right = [int.from_bytes(frames[at + 2:at + 4], "little", signed=True) for at in range(0, len(frames), 4)]
assert 4.0 < seconds < 6.0, f"{seconds} s were recorded"
longest = run = 0
for sample in right:
    run = run + 1 if sample == 0 else 0
    longest = max(longest, run)
assert longest > 1.2 * rate, f"the longest silence has {longest / rate} s"
assert max(map(abs, right[: int(1.2 * rate)])) > 500, "nothing was heard before the suspension"
assert max(map(abs, right[-int(1.0 * rate):])) > 500, "nothing was heard after it"

# Queues and agents.
queues = [queue["Name"] for page in connect.get_paginator("list_queues").paginate(InstanceId="local", PaginationConfig={"PageSize": 1}) for queue in page["QueueSummaryList"]]
assert queues == ["help", "sales"], queues
users = [user["Id"] for page in connect.get_paginator("list_users").paginate(InstanceId="local", PaginationConfig={"PageSize": 1}) for user in page["UserSummaryList"]]
assert users == ["ann", "bob"], users
raises(errors.InvalidParameterException, connect.list_queues, InstanceId="local", NextToken="nonsense")


def figures(*names):
    answer = connect.get_current_metric_data(
        InstanceId="local", Filters={"Queues": ["sales"], "Channels": ["VOICE"]}, Groupings=["QUEUE"],
        CurrentMetrics=[{"Name": name, "Unit": "COUNT"} for name in names],
    )
    (result,) = answer["MetricResults"]
    assert result["Dimensions"]["Queue"]["Id"] == "sales", result
    return [int(metric["Value"]) for metric in result["Collections"]]


names = ["AGENTS_ONLINE", "AGENTS_AVAILABLE", "AGENTS_NON_PRODUCTIVE", "AGENTS_STAFFED", "CONTACTS_IN_QUEUE"]
assert figures(*names) == [0, 0, 0, 0, 0], "an agent without a phone is offline"
connect.put_user_status(InstanceId="local", UserId="ann", AgentStatusId="lunch")
raises(errors.ResourceNotFoundException, connect.put_user_status, InstanceId="local", UserId="eve", AgentStatusId="lunch")
raises(errors.ResourceNotFoundException, connect.put_user_status, InstanceId="local", UserId="ann", AgentStatusId="asleep")
raises(errors.ResourceNotFoundException, connect.get_current_metric_data, InstanceId="local", Filters={"Queues": ["x"]}, CurrentMetrics=[{"Name": "AGENTS_ONLINE", "Unit": "COUNT"}])

# Who may what: another secret, a key for queues alone, a request that is sent again as it was.
denied = client("reader", secret[::-1])
assert [user["Id"] for user in denied.list_users(InstanceId="local")["UserSummaryList"]] == ["ann", "bob"]
assert raises(ClientError, denied.stop_contact, InstanceId="local", ContactId=call) == "AccessDeniedException"
forged = client(secret="not-the-secret-at-all")
assert raises(ClientError, forged.describe_contact, InstanceId="local", ContactId=call) == "InvalidSignatureException"
body = f'{{"InstanceId":"local","InitialContactId":"{call}","Attributes":{{"mood":"best"}}}}'
request = AWSRequest("POST", f"{url}/contact/attributes", data=body, headers={"content-type": "application/json"})
SigV4Auth(Credentials("local", secret), "connect", "eu-west-1").add_auth(request)
for expected in (200, 403):
    sent = urllib.request.Request(request.url, body.encode(), dict(request.headers), method="POST")
    try:
        status = urllib.request.urlopen(sent).status
    except urllib.error.HTTPError as error:
        status = error.code
    assert status == expected, f"{status} where {expected} was due"

# Transfer and the end.
raises(errors.ResourceNotFoundException, connect.transfer_contact, InstanceId="local", ContactId=call, ContactFlowId="f", UserId="eve")
raises(errors.InvalidRequestException, connect.transfer_contact, InstanceId="local", ContactId=call, ContactFlowId="f")
raises(errors.ResourceNotFoundException, connect.stop_contact, InstanceId="local", ContactId=nobody)
connect.stop_contact(InstanceId="local", ContactId=call)
for _ in range(50):
    contact = connect.describe_contact(InstanceId="local", ContactId=call)["Contact"]
    if "DisconnectTimestamp" in contact:
        break
    time.sleep(0.1)
assert contact["DisconnectReason"] == "API", contact
time.sleep(1)
raises(errors.ContactNotFoundException, connect.stop_contact, InstanceId="local", ContactId=call)
print("recorded", path)
