"""Places that lead sinks elsewhere, each on a port of its own; every connection is a line of PLACES.

sink_places.py PLACES PORT_OF_REDIRECT PORT_OF_ELSEWHERE PORT_OF_NAME PORT_OF_DNS

- the redirect answers every handshake with 302 to `elsewhere`;
- `judged` closes each connection in the handshake;
- the nameserver answers the first question for an address with 127.0.0.1, and every later one with 169.254.169.254, a cloud's metadata, to be kept
  for 0 s.
"""
import socket
import struct
import sys
import threading

places = open(sys.argv[1], "w", buffering=1)
redirect_port, elsewhere_port, name_port, dns_port = map(int, sys.argv[2:])


def listen(name, address, port, answer):
    server = socket.create_server((address, port))

    def serve():
        while True:
            connection, _ = server.accept()
            places.write(f"{name}\n")
            connection.recv(4096)
            if answer:
                connection.sendall(answer)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()


redirect = f"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:{elsewhere_port}/\r\nContent-Length: 0\r\n\r\n".encode()
listen("redirect", "127.0.0.1", redirect_port, redirect)
listen("elsewhere", "127.0.0.1", elsewhere_port, b"")
listen("judged", "127.0.0.1", name_port, b"")

dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
dns.bind(("127.0.0.1", dns_port))
places.write("listening\n")
asked = 0
while True:
    question, source = dns.recvfrom(1500)
    end = question.index(b"\0", 12) + 5
    kind = struct.unpack("!H", question[end - 4 : end - 2])[0]
    answer = b""
    if kind == 1:
        asked += 1
        places.write("asked\n")
        address = socket.inet_aton("127.0.0.1" if asked == 1 else "169.254.169.254")
        answer = struct.pack("!HHHIH", 0xC00C, 1, 1, 0, 4) + address
    # RFC 1035 §4.1.1: a response, recursion desired and available.
    head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, 1 if answer else 0, 0, 0)
    dns.sendto(head + question[12:end] + answer, source)
