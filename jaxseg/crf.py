"""The fully connected conditional random field that smooths a prediction after the network (mean field).

    E(x) = sum_i -log p_i(x_i) + sum_{i<j} [x_i != x_j] (w_s k_s(i, j) + w_a k_a(i, j))
    k_s(i, j) = exp(-|r_i - r_j|^2 / (2 t_s^2))                                    smoothness
    k_a(i, j) = exp(-|r_i - r_j|^2 / (2 t_r^2) - |I_i - I_j|^2 / (2 t_c^2))        appearance

with p the network's softmax, r the places of pixels and I their colours. Mean field begins at Q = p and repeats

    Q_i  ~  p_i exp(sum_j (w_s k_s(i, j) + w_a k_a(i, j)) Q_j)

>>> scores = jnp.log(jnp.array([[[0.7, 0.3], [0.6, 0.4], [0.4, 0.6], [0.7, 0.3]]]))
>>> grey = jnp.full((1, 4, 3), 128.0)
>>> jnp.argmax(scores, axis=-1), jnp.argmax(DenseCRF(iterations=1)(scores, grey), axis=-1)
(Array([[0, 0, 1, 0]], dtype=int32), Array([[0, 0, 0, 0]], dtype=int32))
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree

FILTERS = ("exact", "grid")
NORMALIZATIONS = ("symmetric", "none")
BLOCK = 64
"""Pixels of an image whose appearance kernel with all others is held at a time by the exact filter."""

_STATIC = {"static": True}


@pytree
@dataclasses.dataclass(frozen=True)
class DenseCRF:
    """Mean-field inference with a smoothness and an appearance kernel, and Potts compatibility.

    The defaults are those that pydensecrf, the wrapper of the authors' code, is commonly run with; they belong to its
    symmetric normalisation. Zhao et al. 2019 (structural similarity), Table 5, compares with 1, 2 and 5 iterations and
    states no more; the released code of its sequel has `position_spread=30`.

    Cost of an iteration for N pixels, and what it holds at a time. "exact" takes N^2 kernel values: for 64 x 128
    pixels 7e7, for 375 x 500 3.5e10 (an accelerator's work), and 64 N at a time for each image. "grid", a bilateral
    grid in five dimensions, takes 64 N C products and a few matrix products with its cells, some
    (h / t_r + 2) (w / t_r + 2) (255 / t_c + 2)^3 times `resolution`^5, which are held once for each class: 6e4 for 64 x
    128 pixels, 4e5 for 375 x 500. Its kernel has the right mean over the places that two pixels can have in a cell,
    and deviates in each. On a street of 128 x 256 pixels and 19 classes 0.2% of them change their class against the
    exact filter after one iteration and 0.5% after five; with two cells to the spread 0.03% and 0.1%.

    Attributes:
      iterations: of mean field, 1 or more; static.
      smoothness_weight: w_s.
      smoothness_spread: t_s, pixels.
      appearance_weight: w_a.
      position_spread: t_r, pixels; a plain number where `filter="grid"`.
      colour_spread: t_c, in units of the colours 0..255; a plain number where `filter="grid"`.
      least_probability: what p is at least, before it is made to sum to 1 again.
      normalization: "symmetric", as in the released code (k(i, j) / sqrt(d_i d_j), d_i = sum_j k(i, j)); or "none", as
        in the paper's equations, with weights that are then to be far smaller.
      itself: whether the sum over j has i itself, as in the released code; without it (the paper's sum) Q_i does not
        confirm itself. d_i has it in either case.
      filter: of the appearance kernel, "exact" or "grid". The smoothness kernel is exact: it separates.
      resolution: cells of the grid to a spread, 1 or more.

    Source: Krahenbuhl and Koltun, "Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials", 2011,
    Eq. 1 to 3 and Algorithm 1. The grid: Chen, Paris and Durand, "Real-time Edge-Aware Image Processing with the
    Bilateral Grid", 2007, here with the colour in three dimensions.
    """

    iterations: int = dataclasses.field(default=5, metadata=_STATIC)
    smoothness_weight: Scalar = 3.0
    smoothness_spread: Scalar = 3.0
    appearance_weight: Scalar = 10.0
    position_spread: Scalar = 80.0
    colour_spread: Scalar = 13.0
    least_probability: Scalar = 1e-5
    normalization: str = dataclasses.field(default="symmetric", metadata=_STATIC)
    itself: bool = dataclasses.field(default=True, metadata=_STATIC)
    filter: str = dataclasses.field(default="exact", metadata=_STATIC)
    resolution: int = dataclasses.field(default=1, metadata=_STATIC)

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        for name, value in (("iterations", self.iterations), ("resolution", self.resolution)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise InputError(f"crf.{name}: {value}; it is a whole number")
            if value < 1:
                raise InputError(f"crf.{name}: {value}; it is at least 1")
        least = self.least_probability
        if not isinstance(least, jax.core.Tracer) and not 0 < least < 1:
            raise InputError(f"crf.least_probability: {least}; it is above 0 and below 1")
        if self.filter not in FILTERS:
            raise InputError(
                f"crf.filter: {self.filter!r} is not known; use {' or '.join(map(repr, FILTERS))}"
            )
        if self.normalization not in NORMALIZATIONS:
            raise InputError(
                f"crf.normalization: {self.normalization!r} is not known; use "
                f"{' or '.join(map(repr, NORMALIZATIONS))}"
            )
        for name in ("smoothness_spread", "position_spread", "colour_spread"):
            value = getattr(self, name)
            if self.filter == "grid" and isinstance(value, jax.core.Tracer):
                raise InputError(
                    f"crf.{name}: traced; the grid's size needs a plain number, or use filter 'exact'"
                )
            if not isinstance(value, jax.core.Tracer) and not value > 0:
                raise InputError(f"crf.{name}: {value}; it is greater than 0")

    def __call__(
        self, scores: Float[Array, "*B H W C"], image: Num[Array, "*B H W 3"]
    ) -> Float[Array, "*B H W C"]:
        """log Q after the last iteration; pure, and meant for use inside `jit`.

        Args:
          scores: [*B, H, W, C] logits of the classes at the image's size.
          image: [*B, H, W, 3] colours in 0..255; the grid takes what is beyond, as of a bicubic resize, for 0 or 255.

        Returns:
          [*B, H, W, C] log Q, which sums to 1 over the classes, float32.

        Raises:
          InputError: a field is none of what it may be, or the image does not fit the scores.

        >>> DenseCRF(iterations=2)(jnp.zeros((4, 5, 2)), jnp.zeros((4, 5, 3))).round(4)[0, 0]
        Array([-0.6931, -0.6931], dtype=float32)
        """
        self.validate()
        if len(scores.shape) < 3 or image.shape != (*scores.shape[:-1], 3):
            raise InputError(
                f"crf: an image {list(image.shape)} for scores {list(scores.shape)}; give RGB of their height and "
                "width, [..., H, W, 3]"
            )
        infer = self._of_one
        for _ in scores.shape[:-3]:
            infer = jax.vmap(infer)
        return infer(scores.astype(jnp.float32), image.astype(jnp.float32))

    def _of_one(self, scores: Float[Array, "H W C"], image: Float[Array, "H W 3"]) -> Float[Array, "H W C"]:
        least = jnp.asarray(self.least_probability, jnp.float32)
        unary = jnp.log(jnp.clip(jax.nn.softmax(scores), least, 1.0))
        one = jnp.ones_like(unary[..., :1])
        smoothness = self._normalized(*self._smoothness(scores.shape[:2]), one)
        appearance = self._normalized(*self._appearance(image), one)
        weights = [
            jnp.asarray(each, jnp.float32) for each in (self.smoothness_weight, self.appearance_weight)
        ]

        def iterate(log_q: Array, _: None) -> tuple[Array, None]:
            q = jnp.exp(log_q)
            message = weights[0] * smoothness(q) + weights[1] * appearance(q)
            return jax.nn.log_softmax(unary + message), None

        return jax.lax.scan(iterate, jax.nn.log_softmax(unary), None, length=self.iterations)[0]

    def _normalized(self, kernel: "Kernel", own: Array, one: Float[Array, "H W 1"]) -> "Kernel":
        """A kernel's sum over j, normalised, and without i itself where that is left out."""
        scale = jax.lax.rsqrt(kernel(one)) if self.normalization == "symmetric" else one

        def applied(q: Float[Array, "H W C"]) -> Float[Array, "H W C"]:
            total = kernel(scale * q)
            return scale * (total if self.itself else total - own * scale * q)

        return applied

    def _smoothness(self, size: Sequence[int]) -> "tuple[Kernel, Array]":
        """sum_j k_s(i, j) q_j, rows and then columns; and k_s(i, i)."""
        spread = jnp.asarray(self.smoothness_spread, jnp.float32)
        rows, columns = (_gaussian(jnp.arange(n, dtype=jnp.float32) / spread) for n in size)

        def kernel(q: Float[Array, "H W C"]) -> Float[Array, "H W C"]:
            return jnp.einsum("ih,hwc,jw->ijc", rows, q, columns, precision="highest")

        return kernel, jnp.ones(())

    def _appearance(self, image: Float[Array, "H W 3"]) -> "tuple[Kernel, Array]":
        """sum_j k_a(i, j) q_j by the filter that is asked for; and k_a(i, i)."""
        height, width, _ = image.shape
        if self.filter == "grid":
            image = jnp.clip(image, 0.0, 255.0)  # where its cells are
        places = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij"), axis=-1)
        spreads = (self.position_spread,) * 2 + (self.colour_spread,) * 3
        features = jnp.concatenate([places.astype(jnp.float32), image], axis=-1).reshape(-1, 5)
        features /= jnp.stack([jnp.asarray(spread, jnp.float32) for spread in spreads])
        if self.filter == "exact":
            return _as_images(functools.partial(_exact, features), image), jnp.ones(())
        sides = (height - 1, width - 1, 255, 255, 255)
        extents = [side / float(spread) for side, spread in zip(sides, spreads, strict=True)]
        kernel, own = _grid(features, extents, self.resolution)
        return _as_images(kernel, image), own.reshape(height, width, 1)


Kernel = Callable[[Array], Array]


def _gaussian(places: Float[Array, "n"]) -> Float[Array, "n n"]:
    return jnp.exp(-0.5 * jnp.square(places[:, None] - places))


def _as_images(kernel: Kernel, image: Float[Array, "H W 3"]) -> Kernel:
    """A sum over pixels [N, C] as one over images [H, W, C]."""
    pixels = image.shape[0] * image.shape[1]
    return lambda q: kernel(q.reshape(pixels, -1)).reshape(q.shape)


def _exact(features: Float[Array, "N D"], values: Float[Array, "N C"]) -> Float[Array, "N C"]:
    """sum_j exp(-|f_i - f_j|^2 / 2) values_j of every i, `BLOCK` pixels i at a time."""

    def of_one(feature: Float[Array, "D"]) -> Float[Array, "C"]:
        # Differences, not |f|^2 - 2 f f' + |f'|^2, which loses the digits of near colours.
        distance = sum(jnp.square(features[:, axis] - feature[axis]) for axis in range(features.shape[1]))
        return jnp.dot(jnp.exp(-0.5 * distance), values, precision="highest")

    return jax.lax.map(of_one, features, batch_size=BLOCK)


def _grid(features: Float[Array, "N D"], extents: Sequence[float], resolution: int) -> tuple[Kernel, Array]:
    """The sum of `_exact` by a grid with `resolution` cells to the unit, and its share of i in itself.

    A pixel is spread over the 2^D corners of its cell (multilinear), the grid is smoothed, and read where it was
    written. Spreading and reading have the variance 1/6 of a cell each; the Gaussian between them has the rest.
    """
    places = resolution * features
    shape = tuple(math.floor(resolution * extent) + 2 for extent in extents)
    low = jnp.minimum(jnp.floor(places).astype(jnp.int32), jnp.asarray(shape) - 2)
    share = places - low.astype(jnp.float32)
    variance = resolution**2 - 1.0 / 3.0
    taps = np.exp(-0.5 * np.arange(-60 * resolution, 60 * resolution + 1) ** 2 / variance)
    height = math.sqrt(2.0 * math.pi) * resolution / taps.sum()
    smooth = [
        jnp.asarray(
            height * np.exp(-0.5 * np.subtract.outer(np.arange(n), np.arange(n)) ** 2 / variance), jnp.float32
        )
        for n in shape
    ]
    strides = np.array([math.prod(shape[axis + 1 :]) for axis in range(len(shape))], np.int32)
    steps = jnp.asarray(
        list(itertools.product((0, 1), repeat=len(shape))), jnp.int32
    )  # the corners of a cell

    def corner(step: Int[Array, " D"]) -> tuple[Int[Array, " N"], Float[Array, "N 1"]]:
        """The cells at which pixels have this corner, and their shares in it."""
        shares = jnp.prod(jnp.where(step == 1, share, 1.0 - share), axis=-1, keepdims=True)
        return jnp.sum((low + step) * strides, axis=-1), shares

    def kernel(values: Float[Array, "N C"]) -> Float[Array, "N C"]:
        def spread(cells: Array, step: Array) -> tuple[Array, None]:
            index, shares = corner(step)
            return cells.at[index].add(shares * values), None

        cells, _ = jax.lax.scan(spread, jnp.zeros((math.prod(shape), values.shape[-1])), steps)
        grid = cells.reshape(*shape, -1)
        for axis, matrix in enumerate(smooth):
            grid = jnp.moveaxis(jnp.tensordot(matrix, grid, axes=(1, axis), precision="highest"), 0, axis)
        cells = grid.reshape(cells.shape)

        def read(total: Array, step: Array) -> tuple[Array, None]:
            index, shares = corner(step)
            return total + shares * cells[index], None

        return jax.lax.scan(read, jnp.zeros_like(values), steps)[0]

    near = height * math.exp(-0.5 / variance)
    own = jnp.prod(
        height * (jnp.square(share) + jnp.square(1 - share)) + 2 * near * share * (1 - share), axis=-1
    )
    return kernel, own
