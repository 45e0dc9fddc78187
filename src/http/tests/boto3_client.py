"""Starts and stops a stream with the unmodified SDK, and expects its own exceptions in the order in which they come."""
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

url, call, stream, secret = sys.argv[1:]


def client(key_id="local", secret=secret):
    return boto3.client(
        "connect",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


connect = client()


def start(client=connect, contact=call, endpoint="asr"):
    return client.start_contact_streaming(
        InstanceId="local",
        ContactId=contact,
        ChatStreamingConfiguration={"StreamingEndpointArn": endpoint},
        ClientToken="token-1",
    )


def raises(expected, function):
    try:
        function()
    except expected as error:
        assert error.response["Error"]["Message"], error.response
        return error
    raise AssertionError(f"{expected} was not raised")


assert start()["StreamingId"] == stream
answer = connect.stop_contact_streaming(InstanceId="local", ContactId=call, StreamingId=stream)
assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200

raises(connect.exceptions.ResourceNotFoundException, start)
raises(connect.exceptions.InvalidRequestException, start)
raises(connect.exceptions.LimitExceededException, start)
raises(connect.exceptions.InternalServiceException, start)
raises(connect.exceptions.InvalidParameterException, lambda: start(endpoint="wss://evil.example/"))
raises(connect.exceptions.ResourceNotFoundException, lambda: start(contact="not-ours"))
for stranger, code in ((client(key_id="other"), "UnrecognizedClientException"), (client(secret="wrong" * 4), "InvalidSignatureException")):
    error = raises(ClientError, lambda: start(client=stranger))
    assert error.response["Error"]["Code"] == code, error.response
print("ok")
