"""A WebSocket server that lets nobody in but who proves, to libraries that are not ours, that it knows the keys.

signed_sink.py URL USER PASSWORD KEY_ID SECRET TWILIO_TOKEN

Listens at URL's port; prints a line for each opening request that was judged. `let in STREAM` or `turned away: WHY`.
"""
import base64
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit

from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from twilio.request_validator import RequestValidator
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

url, user, password, key_id, secret, twilio_token = sys.argv[1:]
login = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
covered = {'"@request-target"', '"@authority"', '"sidestream-stream-id"', '"x-tenant"'}
nonces = set()


class Keys(HTTPSignatureKeyResolver):
    def resolve_public_key(self, asked):
        return secret.encode() if asked == key_id else None

    resolve_private_key = resolve_public_key


def judge(request):
    headers = request.headers
    assert headers["Authorization"] == login, "another login"
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=Keys())
    message = SimpleNamespace(method="GET", url=url.replace("ws", "http", 1), headers=dict(headers.raw_items()))
    (proof,) = verifier.verify(message)
    assert covered <= set(proof.covered_components), f"only {set(proof.covered_components)} are signed"
    nonce = proof.parameters["nonce"]
    assert nonce not in nonces, "a nonce that was seen before"
    nonces.add(nonce)
    assert RequestValidator(twilio_token).validate(url, {}, headers["X-Twilio-Signature"]), "not Twilio's signature"
    return headers["Sidestream-Stream-Id"]


def process_request(connection, request):
    try:
        print("let in", judge(request), flush=True)
    except Exception as error:
        print(f"turned away: {type(error).__name__}: {error}", flush=True)
        return connection.respond(401, "who are you?\n")


def listen(connection):
    try:
        for _ in connection:
            pass
    except ConnectionClosed:
        pass


place = urlsplit(url)
with serve(listen, place.hostname, place.port, process_request=process_request) as server:
    print("listening", flush=True)
    server.serve_forever()
