"""Ladders of scripts/sipp, many calls at once, by phones that stand a bad network.

ladders.py --relay HOST:PORT … --own HOST:PORT --password PASSWORD CALLER,CALLED[,THIRD] …

Each call is made through each relay. The called party of call N through relay R registers as user 5RNN, a third one as 6RNN. Prints a
line for each call that went wrong, and how many went well.
"""
import argparse
import pathlib
import sys
import threading

from ladder_phone import Phone

LADDERS = pathlib.Path(__file__).parents[2] / "sipp"


class Call:
    def __init__(self, relay, own, suffix, names):
        self.names = names
        numbers = {"7001": f"4{suffix}", "8001": f"6{suffix}", "7002": f"6{suffix}", "8002": f"6{suffix}"}
        self.phones = [Phone(relay, own, numbers) for _ in names]
        self.users = [None, f"4{suffix}", f"6{suffix}"]
        self.errors = []

    def be_there(self, password):
        self.all(lambda phone, user, _: phone.appear() or user and phone.register(user, password))

    def play(self):
        if not self.errors:
            self.all(lambda phone, _, name: phone.play(LADDERS / f"{name}.ladder"))

    def all(self, what):
        def safely(phone, user, name):
            try:
                what(phone, user, name)
            except Exception as error:  # whatever went wrong is told
                self.errors.append(f"{name} at {phone.line}: {type(error).__name__} {error}")

        threads = [threading.Thread(target=safely, args=each, daemon=True) for each in zip(self.phones, self.users, self.names)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def at_once(calls, what):
    threads = [threading.Thread(target=what, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--relay", action="append", required=True)
    parser.add_argument("--own", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("calls", nargs="+")
    asked = parser.parse_args()
    calls = []
    for number, relay in enumerate(asked.relay):
        for place, names in enumerate(asked.calls):
            calls.append(Call(relay, asked.own, f"{number}{place:02}", names.split(",")))
    at_once(calls, lambda call: call.be_there(asked.password))
    at_once(calls, Call.play)
    wrong = [call for call in calls if call.errors]
    for call in wrong:
        print(f"user {call.users[1]}: {'; '.join(call.errors)}")
    print(f"{len(calls) - len(wrong)} of {len(calls)} calls went as their ladders say")
    sys.exit(bool(wrong))


main()
