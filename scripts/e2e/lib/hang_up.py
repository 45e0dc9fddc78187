"""Does a sink make hanging up slower? Calls without and with it, in turns; the time from BYE to 200.

hang_up.py HOST:PORT SINK
"""
import sys
import threading
import time

from sip import Phone

server, sink = sys.argv[1:]
ROUNDS, AT_ONCE, TALK_S = 3, 10, 3
took = {False: [], True: []}


def call(with_sink):
    phone = Phone(server)
    assert phone.invite("9196") == 200
    phone.talk()
    if with_sink:
        status, text = phone.info('{"v":1,"op":"start","sink":"%s","tracks":["from_customer","to_customer"]}' % sink)
        assert status == 200, text
    time.sleep(TALK_S)
    took[with_sink].append(phone.hang_up() * 1000)


for _ in range(ROUNDS):
    calls = [threading.Thread(target=call, args=(number % 2 == 1,)) for number in range(2 * AT_ONCE)]
    for thread in calls:
        thread.start()
    for thread in calls:
        thread.join()


def told(times):
    times.sort()
    assert len(times) == ROUNDS * AT_ONCE, "a call failed"
    return times[len(times) // 2], times[-1]


(without, worst_without), (with_sink, worst_with) = told(took[False]), told(took[True])
print(f"BYE to 200: without sink {without:.2f} ms (worst {worst_without:.2f}), with it {with_sink:.2f} ms (worst {worst_with:.2f})", file=sys.stderr)
sys.exit(with_sink > without + 10)
