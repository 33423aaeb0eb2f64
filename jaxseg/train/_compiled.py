"""What a compiled program takes on each device, read from the program itself: memory, and what devices exchange."""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

COLLECTIVES = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
_OPERATION = re.compile(rf"= (.*?) ({'|'.join(COLLECTIVES)})(-start)?\(")
_ARRAY = re.compile(r"\b([a-z]+\d*(?:e\d+m\d+\w*)?)\[([\d,]*)\]")
_BITS = re.compile(r"\d+")


class Exchange(NamedTuple):
    """What a kind of collective operation does in one call of a program.

    Attributes:
      operations: how many there are.
      bytes: of their results, on each device.
      largest: shape of the largest result.
    """

    operations: int
    bytes: int
    largest: tuple[int, ...]


def exchanges(program: str) -> dict[str, Exchange]:
    """The collective operations in the text of a compiled program, by kind.

    >>> exchanges("%a = f32[8,4]{1,0} all-reduce(%b), to_apply=%add")
    {'all-reduce': Exchange(operations=1, bytes=128, largest=(8, 4))}
    """
    found: dict[str, Exchange] = {}
    for line in program.splitlines():
        told = _OPERATION.search(line)
        if told is None:
            continue
        arrays = [
            (tuple(int(side) for side in sides.split(",") if side), _bytes(kind))
            for kind, sides in _ARRAY.findall(told[1])
        ]
        sizes = [math.prod(shape) * width for shape, width in arrays] or [0]
        # An operation that only starts gives what it was given too.
        size = max(sizes) if told[3] else sum(sizes)
        largest = max((shape for shape, _ in arrays), key=math.prod, default=())
        before = found.get(told[2], Exchange(0, 0, ()))
        found[told[2]] = Exchange(
            before.operations + 1, before.bytes + size, max(before.largest, largest, key=math.prod)
        )
    return {kind: found[kind] for kind in COLLECTIVES if kind in found}


def _bytes(kind: str) -> int:
    bits = _BITS.search(kind)
    return max(int(bits[0]) // 8, 1) if bits else 1


class Footprint(NamedTuple):
    """What a program takes on each device.

    Attributes:
      arguments: bytes of what it is given, state and batch.
      temporary: bytes that it needs besides.
      exchanged: collective operations by kind.
    """

    arguments: int
    temporary: int
    exchanged: Mapping[str, Exchange]

    def __str__(self) -> str:
        parts = [f"{kind} {what.operations} ({size(what.bytes)})" for kind, what in self.exchanged.items()]
        return (
            f"each device: {size(self.arguments)} of state and batch, {size(self.temporary)} temporary; "
            f"exchanged a step: {', '.join(parts) or 'nothing'}"
        )


def footprint(compiled: Any, devices: int = 1) -> Footprint | None:
    """Memory and exchanges of a compiled program; None where the backend does not tell its memory."""
    memory = compiled.memory_analysis()
    if memory is None:
        return None
    return Footprint(
        memory.argument_size_in_bytes,
        memory.temp_size_in_bytes,
        exchanges(compiled.as_text()) if devices > 1 else {},
    )


def size(count: float | int) -> str:
    """Bytes in powers of 1024.

    >>> size(3 * 2**30), size(17)
    ('3.0 GiB', '17 B')
    """
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            break
        count /= 1024
    return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
