"""Two kinds of chips, and the time that a step takes on them by a model of a few lines.

A chip computes for `max(flops / (peak * UTILISATION), traffic / bandwidth)`. Collectives cost time besides: each its
latency, and what it moves over the links' rates. Nothing here was measured on these chips.
"""

import dataclasses
import math

from experiments.scaling.program import Counts

UTILISATION = 0.5
"""Share of the peak that convolutions reach (ours)."""

BACKWARD = 2 / 3
"""Share of the computing that is the backward pass, behind which gradients can be summed: two of three products."""


def box(chips: int) -> tuple[int, int, int]:
    """Sides of the box that holds so many chips, as near to a cube as powers of two allow.

    >>> box(8), box(512), box(2)
    ((2, 2, 2), (8, 8, 8), (1, 1, 2))
    """
    power = math.ceil(math.log2(chips))
    first, second, third = (2 ** ((power + turn) // 3) for turn in range(3))
    return first, second, third


@dataclasses.dataclass(frozen=True)
class Torus:
    """Chips in a three-dimensional torus, each linked to the next along every axis.

    An axis of two chips has one link; of four and more it is a ring, with two. Chips that take part in an operation are
    taken to lie in a box of their own, whatever their stride.

    Attributes:
      link: bytes a second of one link, each way.
      start: seconds until an operation is under way.
      hop: seconds from a chip to the next.
    """

    link: float
    start: float
    hop: float

    def latency(self, chips: int, stride: int) -> float:
        """Seconds of an operation among so many chips, each so many from the next, that moves next to nothing."""
        return self.start + self.hop * 2 * sum(side // 2 for side in box(chips))

    def ring(self, chips: int, stride: int) -> float:
        """Seconds a byte of handing something around once, so that each chip has seen all of it."""
        links = sum(min(side // 2, 2) for side in box(chips))
        return (chips - 1) / chips / (links * self.link)

    def shift(self) -> tuple[float, float]:
        """Latency, and seconds a byte, of sending to a neighbour."""
        return self.start + self.hop, 1 / self.link


@dataclasses.dataclass(frozen=True)
class Nodes:
    """Chips in nodes, all of a node joined by a switch, and nodes by a slower network with one port a chip.

    What goes around is summed within each node first, then each chip sends its share of it to the other nodes.

    Attributes:
      size: chips of a node.
      inside: bytes a second of a chip within its node, each way.
      between: bytes a second of a chip's port, each way.
      start: seconds until an operation is under way.
      hop: seconds of a step from node to node; there are `2 log2(nodes)`, as in a tree.
    """

    size: int
    inside: float
    between: float
    start: float
    hop: float

    def latency(self, chips: int, stride: int) -> float:
        """Seconds of an operation among so many chips, each so many from the next, that moves next to nothing."""
        return self.start + self.hop * 2 * math.log2(chips / self._near(chips, stride))

    def ring(self, chips: int, stride: int) -> float:
        """Seconds a byte of handing something around once, so that each chip has seen all of it."""
        near = self._near(chips, stride)
        nodes = chips / near
        return (near - 1) / near / self.inside + (nodes - 1) / nodes / near / self.between

    def _near(self, chips: int, stride: int) -> int:
        """How many of the chips that take part share a node."""
        return min(chips, max(self.size // stride, 1))

    def shift(self) -> tuple[float, float]:
        """Latency, and seconds a byte, of sending to a neighbour in the node."""
        return self.start, 1 / self.inside


@dataclasses.dataclass(frozen=True)
class Chip:
    """An accelerator.

    Attributes:
      name: what it is called.
      flops: bfloat16 operations a second, dense, at its peak.
      memory: bytes.
      bandwidth: of its memory, bytes a second.
      links: how it is connected.
      host: how many share a host that decodes their images.
    """

    name: str
    flops: float
    memory: float
    bandwidth: float
    links: Torus | Nodes
    host: int


TPU_V5P = Chip(
    name="TPU v5p",
    flops=459e12,
    memory=95e9,
    bandwidth=2765e9,
    links=Torus(link=4800e9 / 8 / 6, start=2e-6, hop=1e-6),
    host=4,
)
"""Peak, memory and the 4,800 Gbit/s of six links: Google Cloud's page on TPU v5p. Latencies are ours."""

H200 = Chip(
    name="H200",
    flops=989e12,
    memory=141e9,
    bandwidth=4.8e12,
    links=Nodes(size=8, inside=450e9, between=400e9 / 8, start=8e-6, hop=5e-6),
    host=8,
)
"""Peak, memory and NVLink's 900 GB/s, both ways together: NVIDIA's data sheet of the H200 SXM. A port of 400 Gbit/s
InfiniBand for each chip is what its DGX and HGX systems have. Latencies are ours."""

CHIPS = (TPU_V5P, H200)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """Seconds of a step.

    Attributes:
      computing: arithmetic or memory, whichever takes longer.
      arithmetic: whether that is arithmetic.
      gradient: summing the gradient of all kernels.
      statistics: the other all-reduces, of which batch normalisation has nearly all.
      halos: shifts of rows to neighbours, and gathers.
    """

    computing: float
    arithmetic: bool
    gradient: float
    statistics: float
    halos: float

    @property
    def slow(self) -> float:
        """With nothing overlapped."""
        return self.computing + self.gradient + self.statistics + self.halos

    @property
    def fast(self) -> float:
        """With the gradient summed behind the backward pass, as far as that is long enough."""
        hidden = min(self.gradient, BACKWARD * self.computing)
        return self.slow - hidden


def predicted(counts: Counts, chip: Chip) -> Prediction:
    """The time of a step on a chip, of what one device does in it.

    An all-reduce goes around twice, a gather once. Latencies are those of the operations in the compiled program, in
    which small ones are combined; the gradient's bytes may come in any number of them, and count as one.
    """
    arithmetic, memory = counts.flops / (chip.flops * UTILISATION), counts.traffic / chip.bandwidth
    took = {"gradient": 0.0, "statistics": 0.0, "halos": 0.0}
    wait, a_byte = chip.links.shift()
    for part in counts.traded:
        if part.kind == "collective-permute":
            took["halos"] += part.bytes * a_byte
            continue
        summed = part.kind == "all-reduce"
        where = "gradient" if part.what == "gradient" else "statistics" if summed else "halos"
        took[where] += (2 if summed else 1) * part.bytes * chip.links.ring(part.devices, part.stride)
    for kind, devices, stride, operations in counts.sent:
        where = "statistics" if kind == "all-reduce" else "halos"
        shifted = kind == "collective-permute"
        took[where] += operations * (wait if shifted else chip.links.latency(devices, stride))
    return Prediction(max(arithmetic, memory), arithmetic >= memory, **took)


def efficiency(step: float, images: int, devices: int, alone: float) -> float:
    """Images a second and device, against those of one device that takes one image in `alone` seconds.

    >>> efficiency(step=0.5, images=8, devices=8, alone=0.4)
    0.8
    """
    return images * alone / (step * devices)
