from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from harness.devices.target import STDERR, STDOUT
from harness.measuring.trial_frames import Frame, TrialFrames

NONCE = "0123456789abcdef"
END = f"--8<-- harness {NONCE} end\n".encode()


@given(
    st.lists(st.tuples(st.binary(max_size=60), st.binary(max_size=60)), min_size=1, max_size=5),
    st.integers(0, 2**32),
)
def test_trials_are_parted_wherever_the_output_is_cut(trials: list[tuple[bytes, bytes]], seed: int) -> None:
    rng = random.Random(seed)
    left = {
        STDOUT: b"".join(out + b"\n" + END for out, _ in trials),
        STDERR: b"".join(err + END for _, err in trials),
    }
    frames, found = TrialFrames(NONCE), []
    while any(left.values()):
        stream = rng.choice([name for name in left if left[name]])
        size = rng.randint(1, 40)
        frames.feed(stream, left[stream][:size])
        left[stream] = left[stream][size:]
        while (frame := frames.take()) is not None:
            found.append(frame)
    assert found == [Frame(out, err + END) for out, err in trials]
    assert frames.rest() == Frame(b"", b"")


def test_what_broke_off_is_what_came_since_the_last_whole_trial() -> None:
    frames = TrialFrames(NONCE)
    frames.feed(STDOUT, b"one\n" + END + b"two")
    frames.feed(STDERR, b"err" + END + END[:-5])
    assert frames.take() == Frame(b"one", b"err" + END)
    assert frames.take() is None
    assert frames.rest() == Frame(b"two", END[:-5])


def test_a_stream_that_ended_waits_for_the_other() -> None:
    frames = TrialFrames(NONCE)
    frames.feed(STDOUT, b"one\n" + END)
    assert frames.take() is None
    frames.feed(3, b"not a stream")
    frames.feed(STDERR, b"broken off")
    assert frames.rest() == Frame(b"one", b"broken off")


def test_what_a_driver_chatters_endlessly_is_kept_in_part() -> None:
    frames = TrialFrames(NONCE)
    for _ in range(50):
        frames.feed(STDERR, b"x" * (1 << 20))
    frames.feed(STDERR, END)
    frames.feed(STDOUT, b"\n" + END)
    frame = frames.take()
    assert frame is not None
    assert len(frame.stderr) < 34 << 20
    assert b"bytes left out here" in frame.stderr
    assert frame.stderr.endswith(END)
