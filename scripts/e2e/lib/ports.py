"""Free UDP ports of the loopback.

ports.py N             an even port, free with the N - 1 after it, for a phone
ports.py --range N     first and last of N free ports for a server's media, apart from the phones' and from those that the system gives out
ports.py --taken PORT  succeeds when somebody listens there
"""
import random
import socket
import sys


def is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def window(count, low, high):
    for _ in range(200):
        first = random.randrange(low, high - count, 2)
        if all(is_free(port) for port in range(first, first + count)):
            return first
    sys.exit("no free ports")


match sys.argv[1:]:
    case ["--range", count]:
        first = window(int(count), 10_000, 32_000)
        print(first, first + int(count) - 1)
    case ["--taken", port]:
        sys.exit(is_free(int(port)))
    case [count]:
        print(window(int(count), 2_000, 10_000))
