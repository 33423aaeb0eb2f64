"""The live progress line: step, speed, losses, time left, memory, and the wait for input where it is long.

On a terminal the line is rewritten in place; elsewhere (a log file, CI) a new line is printed every few seconds. The
clock starts after the first step, which includes compilation.
"""

import resource
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import jax

LONG_WAIT = 0.05
"""Share of the time waiting for input from which the line says so."""


@runtime_checkable
class TextStream(Protocol):
    """What progress is written to: standard error, an open file, a `StringIO`."""

    def write(self, text: str, /) -> int:
        """Writes text."""

    def flush(self) -> None:
        """Hands on what was written."""

    def isatty(self) -> bool:
        """Whether a person is looking."""


def duration(seconds: float | int) -> str:
    """Seconds as `1h02m`, `3m05s` or `7s`.

    >>> duration(3725), duration(185), duration(7.4)
    ('1h02m', '3m05s', '7s')
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    if whole >= 60:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole}s"


def memory() -> str:
    """Peak memory in use: of the first accelerator where it tells, else of this process."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        return f"{stats['peak_bytes_in_use'] / 2**30:.1f} GiB on device"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{peak * (1 if sys.platform == 'darwin' else 1024) / 2**30:.1f} GiB"


class Progress:
    """Writes the progress of one run to a stream.

    Args:
      label: what is running, at the front of every line.
      first: step at which this process starts (not 0 after a resume).
      total: steps of the whole run.
      images_per_step: to turn steps into images.
      stream: where to write; standard error by default.
      every: seconds between lines where the stream is no terminal.
    """

    def __init__(
        self,
        label: str,
        *,
        first: int,
        total: int,
        images_per_step: int,
        stream: TextStream | None = None,
        every: float = 10.0,
    ) -> None:
        self._label, self._total, self._images = label, total, images_per_step
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._every = 0.2 if self._live else every
        self._first = first
        self._start: float | None = None
        self._waited = 0.0
        self._shown = 0.0
        self._width = 0

    def speed(self, step: int) -> float:
        """Images per second since the clock started, up to `step` steps done."""
        if self._start is None or step <= self._first:
            return 0.0
        return (step - self._first) * self._images / max(time.monotonic() - self._start, 1e-9)

    def awaited(self, batches: Iterator[Any]) -> Any:
        """The next of the batches; the time that it takes is counted as waiting for input."""
        began = time.monotonic()
        batch = next(batches)
        if self._start is not None:
            self._waited += time.monotonic() - began
        return batch

    @property
    def input_wait(self) -> float:
        """Share of the time since the clock started that the host waited for batches.

        The device may still have been at work on the step before: its own share is at most this.
        """
        return 0.0 if self._start is None else self._waited / max(time.monotonic() - self._start, 1e-9)

    def update(self, step: int, phase: str, values: Mapping[str, float]) -> None:
        """Shows that `step` steps are done; `values` are the losses of the last of them."""
        now = time.monotonic()
        if self._start is None:
            self._start, self._first = now, step
        if now - self._shown < self._every and step < self._total:
            return
        self._shown = now
        speed = self.speed(step)
        left = duration((self._total - step) * self._images / speed) if speed else "?"
        losses = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        wait = f"  input {self.input_wait:.0%}" if self.input_wait > LONG_WAIT else ""
        self._write(
            f"{self._label} {phase} {step}/{self._total}  {losses}  {speed:.1f} img/s{wait}  left {left}  {memory()}"
        )

    def note(self, text: str) -> None:
        """A line that stays."""
        self.close()
        print(f"{self._label} {text}", file=self._stream, flush=True)

    def close(self) -> None:
        """Ends a live line, so that what is printed next starts on a line of its own."""
        if self._live and self._width:
            print(file=self._stream, flush=True)
            self._width = 0

    def _write(self, text: str) -> None:
        if self._live:
            print("\r" + text.ljust(self._width), end="", file=self._stream, flush=True)
            self._width = len(text)
        else:
            print(text, file=self._stream, flush=True)
