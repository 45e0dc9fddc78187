"""Was it heard as it was said? Normalised correlation of the loudest second of HEARD with SAID at the best delay; below 0.95 fails.

correlate.py SAID.wav HEARD.wav (8000 Hz, 16 bits, mono; SAID may repeat)
"""
import array
import sys
import wave

RATE, COARSE = 8000, 8
LEAST = 0.95


def read(path):
    with wave.open(path) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (RATE, 2, 1), path
        return array.array("h", file.readframes(file.getnframes()))


def energy(samples):
    return sum(map(lambda a, b: a * b, samples, samples))


def likeness(one, other):
    power = (energy(one) * energy(other)) ** 0.5
    return sum(map(lambda a, b: a * b, one, other)) / power if power else 0.0


def thinned(samples):
    return [sum(samples[at : at + COARSE]) / COARSE for at in range(0, len(samples) - COARSE + 1, COARSE)]


said, heard = read(sys.argv[1]), read(sys.argv[2])
assert len(heard) >= 2 * RATE, f"only {len(heard) / RATE:.2f} s were heard"
starts = range(0, len(heard) - RATE + 1, RATE // 4)
start = max(starts, key=lambda at: energy(heard[at : at + RATE]))
excerpt = heard[start : start + RATE]
coarse_said, coarse_excerpt = thinned(said), thinned(excerpt)
places = range(len(coarse_said) - len(coarse_excerpt) + 1)
scores = [(likeness(coarse_said[at : at + len(coarse_excerpt)], coarse_excerpt), at) for at in places]
fine = {at * COARSE + step for _, at in sorted(scores)[-3:] for step in range(-COARSE, COARSE + 1)}
best, at = max((likeness(said[place : place + RATE], excerpt), place) for place in fine if 0 <= place <= len(said) - RATE)
print(f"correlation {best:.4f}, {start / RATE:.2f} s of what was heard is {at / RATE:.2f} s of what was said")
sys.exit(best < LEAST)
