"""Orders of training examples: which one stands at each position of an endless stream.

An order is a function of (seed, domain, position) alone, so that any position can be asked for, by any process.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Integer

from jaxseg.data._counts import label_counts
from jaxseg.data.dataset import DataSource
from jaxseg.errors import InputError
from jaxseg.labels import VOID

Order = Callable[[int], int]
"""The index of the example at a position."""


def entropy_of(seed: int, domain: str) -> int:
    """What an order's random numbers start from; hashed, so that no seed or domain is another one shifted."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{domain}".encode()).digest(), "little")


class Shuffled:
    """Epoch after epoch, each in a new order.

    Grain's own shuffle is not used: the fewer the images, the longer it takes (0.2 ms an index for 367, 1 ms for 62,
    10 ms for 4); and it adds the epoch to the seed, so that seeds 0 and 1 share all epochs but one.
    """

    def __init__(self, count: int, seed: int, domain: str) -> None:
        self.count, self.entropy = count, entropy_of(seed, domain)
        self.order = functools.lru_cache(maxsize=4)(self._order)

    def _order(self, epoch: int) -> np.ndarray:
        # Raw Philox words and a stable sort: NumPy promises neither for its own `permutation`.
        words = np.random.Philox(np.random.SeedSequence(self.entropy, spawn_key=(epoch,)))
        return np.argsort(words.random_raw(self.count), kind="stable")

    def __call__(self, position: int) -> int:
        epoch, place = divmod(position, self.count)
        return int(self.order(epoch)[place])


def rare_class_probabilities(
    counts: Integer[np.ndarray, " C"], temperature: int | float = 0.01
) -> Float[np.ndarray, " C"]:
    """How often rare-class sampling draws each class:

        P(c) = exp((1 - f_c) / T) / sum_k exp((1 - f_k) / T),   f_c = n_c / sum_k n_k

    Classes that do not occur have P = 0 and take no part in the sum.

    Args:
      counts: [C] pixels of each class, n_c.
      temperature: T; small values give nearly all to the rarest class, large ones the same to all.

    Returns:
      [C] float64, sums to 1.

    Source: DAFormer (Hoyer et al., CVPR 2022), rare class sampling; T = 0.01 there.

    >>> rare_class_probabilities(np.array([90, 10, 0]), temperature=1.0).round(4).tolist()
    [0.31, 0.69, 0.0]
    """
    there = counts > 0
    exponents = np.where(there, (1.0 - counts / max(counts.sum(), 1)) / temperature, -np.inf)
    weights = np.exp(exponents - exponents.max(initial=0.0, where=there)) * there
    return weights / max(weights.sum(), np.finfo(np.float64).tiny)


@dataclasses.dataclass(frozen=True)
class RareClasses:
    """Rare-class sampling: first a class is drawn, the rarer the likelier, then an image that shows it.

    A class c comes from `rare_class_probabilities`, then an image uniformly from those with more than `pixels` pixels
    of c, both with replacement: there are no epochs. It reads the labels of its domain. In classification an image
    counts as one pixel of its class: use `pixels=0`.

    DAFormer also repeats the random crop, up to ten times, until it holds half of `pixels`; that is left out, as
    crops are drawn on the device, for batches of one shape.

    Attributes:
      temperature: T of the probabilities.
      pixels: an image shows a class if it has more pixels of it than this; 3000 is DAFormer's, at 1280x720 and larger.

    Raises:
      InputError: a temperature that is not positive, a negative number of pixels.
    """

    temperature: float = 0.01
    pixels: int = 3000

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise InputError(f"temperature: {self.temperature}; it is positive")
        if self.pixels < 0:
            raise InputError(f"pixels: {self.pixels}; it is at least 0")

    def order(self, source: DataSource, seed: int, domain: str, threads: int = 2) -> Order:
        """The order of a source; counts its labels first, once for a prepared data set.

        Raises:
          InputError: no image shows a class that occurs.
        """
        counts = label_counts(source, threads)[:, :VOID]
        probabilities = rare_class_probabilities(counts.sum(axis=0), self.temperature)
        shown = [np.flatnonzero(counts[:, c] > self.pixels) for c in range(VOID)]
        hidden = [c for c in np.flatnonzero(probabilities) if not len(shown[c])]
        if hidden:
            names = ", ".join(f"{c} (at most {counts[:, c].max()})" for c in hidden[:5])
            raise InputError(
                f"{domain}: rare-class sampling finds no image with more than {self.pixels} pixels of class {names}; "
                "lower its pixels"
            )
        if not probabilities.any():
            raise InputError(
                f"{domain}: rare-class sampling of {len(source)} images needs one with more than {self.pixels} pixels "
                "of a class, and every pixel is void or of a class that none shows so much of; lower its pixels"
            )
        return _Drawn(probabilities, shown, entropy_of(seed, domain))


class _Drawn:
    def __init__(self, probabilities: np.ndarray, shown: Sequence[np.ndarray], entropy: int) -> None:
        self.ends, self.shown, self.entropy = np.cumsum(probabilities), shown, entropy

    def __call__(self, position: int) -> int:
        words = np.random.Philox(np.random.SeedSequence(self.entropy, spawn_key=(position,))).random_raw(2)
        first, second = (words >> np.uint64(11)).astype(np.float64) * 2.0**-53
        chosen = int(np.searchsorted(self.ends, first * self.ends[-1], side="right"))
        images = self.shown[chosen]
        return int(images[int(second * len(images))])
