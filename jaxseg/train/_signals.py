"""Signals that ask training to stop, noted until the step that runs is done."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def noted_signals() -> Iterator[Callable[[], int | None]]:
    """While open, SIGTERM and SIGINT are noted instead of ending the process; yields what reads the note."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def note(number: int, _frame: object) -> None:
        if received:  # asked twice: do not wait for the step to end
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
