"""Was it heard as it was said, in every file of dialects.sh? Each file's loudest second is looked for in what that side said; the mix must be
the sum of both. Prints a line for each; fails when one explains less than 95 percent of what was heard.

likeness.py DIRECTORY PROMPTS (needs numpy)
"""
import pathlib
import sys
import wave

import numpy

RATE, LEAST = 8000, 0.95


def read(path, channels=None, rate=None):
    """Channels of samples at 8000 Hz; what was made of telephone audio holds nothing above it, so every n-th sample will do."""
    if path.suffix == ".wav":
        with wave.open(str(path)) as file:
            channels, rate = file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    else:
        data = path.read_bytes()
    samples = numpy.frombuffer(data, dtype="<i2").astype(float).reshape(-1, channels)
    return [samples[:: rate // RATE, channel] for channel in range(channels)]


def place(excerpt, said):
    """The second of what was said that is most like the excerpt."""
    size = len(said) + len(excerpt)
    spectrum = numpy.fft.rfft(said, size) * numpy.conj(numpy.fft.rfft(excerpt, size))
    products = numpy.fft.irfft(spectrum, size)[: len(said) - len(excerpt)]
    sums = numpy.concatenate(([0.0], numpy.cumsum(said**2)))
    power = numpy.sqrt(sums[len(excerpt) : len(said)] - sums[: len(said) - len(excerpt)])
    at = int(numpy.argmax(products / numpy.maximum(power, RATE)))
    return said[at : at + len(excerpt)]


def explained(heard, *sides):
    """The share of the best of the louder seconds that these sides explain."""
    seconds = [heard[at : at + RATE] for at in range(0, len(heard) - RATE + 1, RATE // 4)]
    assert seconds, f"only {len(heard)} samples"
    seconds.sort(key=lambda second: -float(second @ second))
    best = 0.0
    for second in seconds[:6]:
        parts = numpy.stack([place(second, said) for said in sides], axis=1)
        rest = second - parts @ numpy.linalg.lstsq(parts, second, rcond=None)[0]
        best = max(best, 1 - float(rest @ rest) / max(1.0, float(second @ second)))
    return best


directory, prompts = map(pathlib.Path, sys.argv[1:])
(customer,), (agent,) = read(prompts / "customer.wav"), read(prompts / "agent.wav")
native = next((directory / "native").glob("*.wav"))
checks = []
for name in ("twilio", "telnyx", "telnyx16", "hook", "hook16"):
    checks += [(f"{name} {track}", read(directory / f"{name}-{track}.wav")[0], [said]) for track, said in (("inbound", customer), ("outbound", agent))]
for name, channels in (("native", read(native)), ("stereo", read(directory / "stereo.raw", 2, 24_000))):
    checks += [(f"{name} {number}", channel, [said]) for number, channel, said in zip("12", channels, (customer, agent))]
checks.append(("mixed", read(directory / "mixed.raw", 1, RATE)[0], [customer, agent]))
worst = 1.0
for name, heard, sides in checks:
    share = explained(heard, *sides)
    worst = min(worst, share)
    print(f"{name}: {100 * share:.1f} % in {len(heard) / RATE:.1f} s")
sys.exit(worst < LEAST)
