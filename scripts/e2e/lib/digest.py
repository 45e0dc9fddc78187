"""An Authorization header by SHA-256 (RFC 7616), for a SIPp that knows MD5 only: asks the server for a nonce and answers it.

digest.py HOST:PORT METHOD URI USER PASSWORD
"""
import hashlib
import re
import secrets
import socket
import sys

server, method, uri, user, password = sys.argv[1:]
host, port = server.rsplit(":", 1)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
    phone.settimeout(5)
    phone.connect((host, int(port)))
    at = "%s:%d" % phone.getsockname()
    phone.send(
        f"REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{secrets.token_hex(8)}\r\n"
        f"From: <sip:{user}@{server}>;tag={secrets.token_hex(4)}\r\nTo: <sip:{user}@{server}>\r\nCall-ID: {secrets.token_hex(8)}\r\n"
        f"CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
    )
    challenge = phone.recv(4096).decode()
realm, nonce = re.search(r'realm="([^"]*)", nonce="([^"]*)", algorithm=SHA-256', challenge).groups()


def digest(*parts):
    return hashlib.sha256(":".join(parts).encode()).hexdigest()


cnonce = secrets.token_hex(8)
proof = digest(digest(user, realm, password), nonce, "00000001", cnonce, "auth", digest(method, uri))
print(
    f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{proof}", '
    f'algorithm=SHA-256, cnonce="{cnonce}", qop=auth, nc=00000001'
)
