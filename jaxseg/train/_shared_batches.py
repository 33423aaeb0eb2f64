"""One input pipeline for several members of a sweep that see the same batches."""

from collections.abc import Callable, Iterator
from typing import Any

from jaxseg.data import BatchIterator

Open = Callable[[], BatchIterator]


class Hub:
    """Reads batches once for readers in lock step, of which none is more than one batch ahead of another.

    Args:
      open_batches: opens the pipeline at its beginning.
    """

    def __init__(self, open_batches: Open) -> None:
        self.open = open_batches
        self.source = open_batches()
        self.beginning = self.source.get_state()
        self.start: dict[str, Any] | None = None
        self.count = 0
        self.latest: Any = None
        self.states = [self.beginning, self.beginning]
        """Positions in the pipeline before and after the latest batch."""

    def joined(self, state: dict[str, Any]) -> bool:
        """Whether a reader that is to begin at `state` may share: the first one says where all begin."""
        if self.start is None:
            if state != self.beginning:
                self.source.set_state(state)
            self.start, self.states = state, [state, state]
        return self.start == state and self.count <= 1

    def take(self, position: int) -> Any:
        """The batch at a position: the next one, or the latest again."""
        if position == self.count:
            self.latest = next(self.source)
            self.count += 1
            self.states = [self.states[1], self.source.get_state()]
        elif position != self.count - 1:
            raise RuntimeError(f"a member asked for batch {position} and the others are at {self.count}")
        return self.latest


class Reader:
    """One member's view of shared batches; it reads for itself if it begins elsewhere than the others."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._begin, self._position = hub, hub.beginning, 0
        self._own: BatchIterator | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._own is None and self._position == 0 and not self._hub.joined(self._begin):
            self._own = self._hub.open()
            self._own.set_state(self._begin)
        if self._own is not None:
            return next(self._own)
        batch = self._hub.take(self._position)
        self._position += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        """The position of the next batch to come out, as the pipeline itself has it."""
        if self._own is not None:
            return self._own.get_state()
        if self._position == 0:
            return self._begin
        return self._hub.states[1 if self._position == self._hub.count else 0]

    def set_state(self, state: dict[str, Any]) -> None:
        """Moves, before the first batch is read, to a position that the pipeline itself or a reader gave."""
        if self._position or self._own is not None:
            raise RuntimeError("shared batches move before the first of them is read")
        self._begin = state
