"""The unmodified SDK against a live call: start, the same start again, stop, and the typed exceptions.

boto3_client.py URL SECRET CALL
"""
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

url, secret, call = sys.argv[1:]


def client(secret=secret):
    return boto3.client(
        "connect", endpoint_url=url, region_name="eu-west-1", aws_access_key_id="local", aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


connect = client()


def start(connect=connect, call=call, sink="asr", token="token-1"):
    answer = connect.start_contact_streaming(
        InstanceId="local", ContactId=call, ChatStreamingConfiguration={"StreamingEndpointArn": sink}, ClientToken=token
    )
    return answer["StreamingId"]


def stop(stream, call=call):
    answer = connect.stop_contact_streaming(InstanceId="local", ContactId=call, StreamingId=stream)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200, answer


def raises(expected, function):
    try:
        function()
    except expected as error:
        return error.response["Error"]
    raise AssertionError(f"{expected} was not raised")


missing = connect.exceptions.ResourceNotFoundException
nobody = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
first = start()
# A signature tells the second: the very same request within it would be a replay.
time.sleep(1)
assert start() == first, "the same ClientToken made a second stream"
second = start(token="token-2")
assert second != first, "a new ClientToken made no new stream"
raises(missing, lambda: start(call=nobody, token="token-3"))
raises(missing, lambda: start(sink="nowhere", token="token-4"))
raises(connect.exceptions.InvalidParameterException, lambda: start(sink="ws://127.0.0.1:9/", token="token-5"))
raises(missing, lambda: stop(nobody))
raises(missing, lambda: stop(first, call=nobody))
raises(connect.exceptions.InvalidRequestException, lambda: start(sink="other", token="token-1"))
error = raises(ClientError, lambda: start(connect=client("not-the-secret-at-all"), token="token-6"))
assert error["Code"] == "InvalidSignatureException", error
stop(first)
time.sleep(1)
stop(first)
stop(second)
print(first, second)
