"""Calls that are up while SIPp drives the server past its limit of CPU, and callers who come meanwhile.

overload.py SERVER URL KEY CONTROL_PORT FLOOD_PID SERVER_PID SECONDS

SIPp's rate doubles until the server refuses for load, stays twice as high for so many seconds, and then the load is over.
Prints one line of JSON; the last line says what is wrong, if anything is.
"""
import json
import os
import re
import signal
import socket
import sys
import time
import urllib.request

from sip import Phone

server, url, key, control_port, flood, pid, seconds = sys.argv[1:]
seconds = float(seconds)
FIRST_RATE, HIGHEST_RATE = 20, 6_000
# A rate is given so long to show: the server wants ten busy looks in a row, of 100 ms each.
STEP_S = 1.6
# Admission waits for 2 s of quiet; repetitions of the flood may come for a while.
RECOVERY_S = 30
# Packets that are on their way when a phone stops, or came before the path was known.
ON_THE_WAY = 10

begun = time.monotonic()


def metrics():
    asked = urllib.request.Request(url + "/metrics", headers={"Authorization": "Bearer " + key})
    text = urllib.request.urlopen(asked, timeout=20).read().decode()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}


def is_overloaded():
    return metrics()["sidestream_sip_guard_overloaded"] == 1


def set_rate(rate):
    """SIPp takes commands in datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        control.sendto(f"cset rate {rate}\n".encode(), ("127.0.0.1", int(control_port)))


def cpu_s():
    spent = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:13]
    return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")


def phone():
    """A phone as patient as RFC 3261 has it: it repeats nothing, but it waits."""
    new = Phone(server)
    new.sip.settimeout(32)
    return new


def try_to_call():
    """One more caller: the status, and the seconds to wait if a refusal names them."""
    caller = phone()
    status = caller.invite("9196")
    wait = re.search(r"(?im)^Retry-After: *(\d+)", caller.answer)
    if status == 200:
        caller.hang_up()
    caller.sip.close()
    caller.rtp.close()
    return status, int(wait[1]) if wait else None


wrong = []


def hold(what, is_so):
    if not is_so:
        wrong.append(what)


def raise_load():
    """Doubles the rate until the server refuses for load."""
    rate = FIRST_RATE
    while rate <= HIGHEST_RATE:
        set_rate(rate)
        until = time.monotonic() + STEP_S
        while time.monotonic() < until:
            if is_overloaded():
                return rate
            time.sleep(0.05)
        rate *= 2
    sys.exit(f"the server was never too busy, not even at {rate // 2} calls a second")


talking = [phone() for _ in range(4)]
for number, one in zip(("7001", "7001", "9196", "9196"), talking):
    status = one.invite(number)
    hold(f"a call before the load got {status}", status == 200)
    one.talk()
time.sleep(1)
before = metrics()
hold("calls are refused before there is load", before["sidestream_sip_guard_overloaded"] == 0)
hold("a call before the load was refused", try_to_call()[0] == 200)

cpu, since = cpu_s(), time.monotonic()
rate = raise_load()
# Refusals are cheaper than calls: at this rate admission would come and go.
set_rate(rate * 2)
first = talking[0]
took = first.hang_up()
hold("the BYE of a call that was up was answered when the load was over", is_overloaded())
status, _ = talking[1].info('{"v":1,"op":"status"}')
hold(f"an INFO of a call that was up got {status}", status == 200)
answers = []
until = time.monotonic() + seconds
while time.monotonic() < until:
    answers.append(try_to_call())
    time.sleep(0.1)
under_load = metrics()
busy = (cpu_s() - cpu) / (time.monotonic() - since)
set_rate(0)
os.kill(int(flood), signal.SIGUSR1)

refused = [wait for status, wait in answers if status == 503]
statuses = sorted({status for status, _ in answers})
hold("nobody was refused while the server was too busy", refused)
hold("a refusal does not say when to come again", all(refused))
hold(f"callers got {statuses}", set(statuses) <= {200, 503})
shed = under_load["sidestream_sip_guard_shed_load_total"]
hold("the server did not count its refusals", shed >= len(refused))
hold("calls were refused for their rate", under_load["sidestream_sip_guard_shed_rate_total"] == 0)

until = time.monotonic() + RECOVERY_S
while is_overloaded() and time.monotonic() < until:
    time.sleep(0.2)
hold("calls are refused long after the load", not is_overloaded())
hold("a call after the load was refused", try_to_call()[0] == 200)
for one in talking[1:]:
    one.talking.clear()
time.sleep(0.5)
lost = [one.sent - one.heard for one in talking[2:]]
hold(f"phones that hear themselves miss {lost} packets", all(missing <= ON_THE_WAY for missing in lost))
for one in talking[1:]:
    one.hang_up()
after = metrics()
hold("packets of calls that were up were lost", after["sidestream_rtp_lost_packets_total"] == 0)
relayed = {direction: after[f'sidestream_rtp_packets_total{{direction="{direction}"}}'] for direction in ("received", "forwarded")}
dropped = sum(value for name, value in after.items() if name.startswith("sidestream_rtp_dropped_packets_total"))
hold(f"{dropped:.0f} packets were dropped", dropped <= ON_THE_WAY)
hold("calls ended by a bug", after["sidestream_calls_ended_by_bug_total"] == 0)

print(json.dumps({
    "too_busy_at_calls_per_s": rate,
    "refused_for_load": int(shed),
    "callers_refused": len(refused),
    "callers_taken": len(answers) - len(refused),
    "bye_under_load_ms": round(took * 1000, 1),
    "packets_sent": sum(one.sent for one in talking),
    "packets_lost": int(after["sidestream_rtp_lost_packets_total"]),
    "packets_relayed": relayed,
    "server_cpu_percent": round(busy * 100),
    "seconds": round(time.monotonic() - begun, 1),
}))  # fmt: skip
if wrong:
    print("; ".join(wrong))
    sys.exit(1)
