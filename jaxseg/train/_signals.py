"""Signals that ask training to stop, noted until the step that runs is done."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax
from jax.experimental import multihost_utils

_OPEN: list[Callable[..., int | None]] = []
"""What reads the note of this process, while it is open."""


@contextmanager
def noted_signals() -> Iterator[Callable[..., int | None]]:
    """While open, SIGTERM and SIGINT are noted instead of ending the process; yields what reads the note.

    Of several processes, one may be told to stop and others not. There, JAX listens for SIGTERM and agrees on a step
    after which all stop: `received(step)`, asked by every process after every step, says when that is.

    Opened inside another, it reads the note of the outer one: a sweep keeps it open over all its members. A signal that
    came too late to be read, when the last step had been taken, is passed on when it closes.
    """
    received: list[int] = []
    told: list[int] = []
    if jax.process_count() > 1:

        def agreed(step: int | None = None) -> int | None:
            stops = step is not None and multihost_utils.reached_preemption_sync_point(step)
            return signal.SIGTERM if stops else None

        yield agreed
        return
    if threading.current_thread() is not threading.main_thread():
        yield lambda step=None: None
        return

    if _OPEN:
        yield _OPEN[-1]
        return

    def note(number: int, _frame: object) -> None:
        if received:  # asked twice: do not wait for the step to end
            raise KeyboardInterrupt
        received.append(number)

    def read(step: int | None = None) -> int | None:
        told[:] = received
        return received[0] if received else None

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    _OPEN.append(read)
    try:
        yield _OPEN[-1]
    finally:
        _OPEN.pop()
        for number, handler in before.items():
            signal.signal(number, handler)
    if received and not told:
        signal.raise_signal(received[0])
