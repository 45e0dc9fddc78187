"""Checks of JSON that the server and the sink print: reads standard input, says what is wrong, fails."""
import json
import sys


def relayed(text, minimum="50"):
    """Ended calls: everything that came was relayed, nothing was lost, and enough came."""
    calls = json.loads(text)["calls"]
    assert calls, "no call is remembered"
    for call in calls:
        assert call["outcome"] == "completed", call
        # A test number has no port of its own.
        for leg in [leg for leg in call["legs"] if leg["leg"] == 0 or not call["to"].startswith("9")]:
            figures = leg["figures"]
            late = figures["dropped"].get("unbridged", 0) + figures["dropped"].get("no_destination", 0)
            dropped = sum(figures["dropped"].values())
            assert dropped == late == 0, f"leg {leg['leg']} dropped {figures}"
            assert figures["lost"] == 0, f"leg {leg['leg']} lost {figures}"
            assert figures["received"] == figures["forwarded"], figures
            assert figures["received"] >= int(minimum), f"leg {leg['leg']} had only {figures['received']} packets"


def unhurt(text):
    """The first of the ended calls was relayed without a drop or a loss."""
    leg = json.loads(text)["calls"][0]["legs"][0]["figures"]
    assert leg["received"] == leg["forwarded"] and leg["lost"] == 0, leg


def back_channel(text):
    """The marks of a sink that spoke for 4 s, and then cut itself short after half a second."""
    marks = [json.loads(line) for line in text.splitlines()]
    assert [mark["mark"] for mark in marks] == ["spoken", "cut"], marks
    spoken, cut = (mark["after_s"] for mark in marks)
    assert 3.8 < spoken < 5.5 and 0.4 < cut < 1.5, marks


def outcome(text, expected, status=""):
    """The last ended call had this outcome, towards the customer with this status."""
    call = json.loads(text)["calls"][-1]
    assert call["outcome"] == expected, call
    assert not status or call.get("status") == int(status), call


def holding(text, expected):
    """The one live call has a leg that holds the other, or none: `yes` or `no`."""
    (call,) = json.loads(text)["calls"]
    assert any(leg["held"] for leg in call["legs"]) == (expected == "yes"), call


def two_way(text, minimum="100"):
    """The last ended call was answered, and each leg that had a port heard and was heard."""
    call = json.loads(text)["calls"][-1]
    assert call["outcome"] == "completed", call
    for leg in call["legs"]:
        assert leg["figures"]["forwarded"] >= int(minimum) and leg["figures"]["sent"] >= int(minimum), leg


def early(text, minimum="50"):
    """The last ended call was never answered, and yet each leg heard and was heard."""
    call = json.loads(text)["calls"][-1]
    assert call["outcome"] == "cancelled", call
    for leg in call["legs"]:
        assert leg["figures"]["forwarded"] >= int(minimum) and leg["figures"]["sent"] >= int(minimum), leg


def report(text, *wanted):
    """The sink's reports: each stream complete, its manifest holds, and every wanted KIND was seen (KIND:TRACK for one track)."""
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines, "the sink got no stream"
    for line in lines:
        assert line["complete"], line
        assert line["manifest_holds"], line
        assert not line["problems"], line["problems"]
        for track in line["tracks"]:
            assert track["frames"] > 0, track
            assert track["untold"] == 0, track
            for kind in wanted:
                kind, _, only = kind.partition(":")
                if only in ("", track["track"]):
                    assert track["kinds"].get(kind, 0) > 0, f"{track['track']} has no {kind}: {track['kinds']}"


def spans(text, *wanted):
    """A manifest holds, and each of its tracks has spans of these kinds in this order; silence and loss between them do not count."""
    manifest = json.loads(text)
    assert manifest["holds"], manifest
    for track in manifest["tracks"]:
        kinds = [span["kind"] for span in track["spans"] if span["kind"] not in ("silence", "lost")]
        kinds = [kind for kind, before in zip(kinds, [None] + kinds) if kind != before]
        assert kinds == list(wanted), (track["track"], track["spans"])
        assert sum(track["samples"].values()) == manifest["clock"], track


def stream(text, label, state):
    """The last ended call had one stream of this label, which is in this state and has a manifest."""
    (view,) = json.loads(text)["calls"][-1]["streams"]
    assert (view.get("label"), view["state"], view["has_manifest"]) == (label, state, True), view


def heard(text, lost="0"):
    """The built-in phone's outcome: answered, heard, and no more than so many packets lost."""
    call = json.loads(text)
    assert call["ok"], call
    assert call["media"]["lost"] <= int(lost), call["media"]
    assert call["media"]["received"] > 0, call["media"]


{function.__name__: function for function in (relayed, unhurt, back_channel, outcome, holding, two_way, early, report, spans, stream, heard)}[sys.argv[1]](sys.stdin.read(), *sys.argv[2:])
