"""The progress line: what it says of the wait for input, by a clock that the test moves."""

import io
from collections.abc import Iterator

import pytest

from jaxseg.train import progress
from jaxseg.train.progress import Progress


class Clock:
    """Stands for `time`: goes on when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.fast
@pytest.mark.parametrize(("seconds", "says"), [(0.3, "input 30%"), (0.04, "")])
def test_a_long_wait_for_input_is_told(seconds: float, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, stream = Clock(), io.StringIO()
    monkeypatch.setattr(progress, "time", clock)

    def slow() -> Iterator[str]:
        while True:
            clock.now += seconds
            yield "batch"

    line = Progress("run", first=0, total=3, images_per_step=4, stream=stream, every=0.0)
    batches = slow()
    assert line.awaited(batches) == "batch"
    assert line.input_wait == 0.0  # before the clock starts: the first batch, and compilation
    line.update(1, "train", {"loss": 1.0})
    for step in (2, 3):
        line.awaited(batches)
        clock.now += 1.0 - seconds
        line.update(step, "train", {"loss": 1.0})
    assert line.input_wait == pytest.approx(seconds)
    last = stream.getvalue().splitlines()[-1]
    assert "4.0 img/s" in last
    assert ("input" in last) == bool(says)
    assert says in last
