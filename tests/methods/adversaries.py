"""Tiny networks and discriminators, and the adversarial method over them, as its tests share them."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxseg import losses
from jaxseg.methods import SGD, Adam, AdversarialMethod, Groups, Level, Term
from jaxseg.models import LinenNetwork, MapNetwork, Normalization, Output
from tests import tiny
from tests.models._fresh import QUICK

SOURCE = Term(losses.SoftmaxCrossEntropy())
AUXILIARY = Term(losses.SoftmaxCrossEntropy(), weight=0.1, head="aux")
BOTH = {"source": SOURCE, "source_aux": AUXILIARY}
LEVELS = {"main": Level(weight=0.5), "low": Level(weight=0.2, head="aux")}
CROSS_ENTROPY, SQUARES = losses.AdversarialCrossEntropy(), losses.AdversarialLeastSquares()
STEPS, RATE, DECAY, ADVERSARY_RATE = 4, 0.1, 0.01, 0.02
FIELDS = {
    "objective": BOTH,
    "levels": LEVELS,
    "steps": STEPS,
    "optimizer": SGD(learning_rate=RATE, weight_decay=DECAY, groups=Groups(head=10.0)),
    "discriminator_optimizer": Adam(learning_rate=ADVERSARY_RATE, b1=0.9, b2=0.99),
}


class Heads(nn.Module):
    """Linear scores of every pixel, two heads."""

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        return Output(logits=nn.Dense(3, name="head")(image), aux=nn.Dense(3, name="low")(image))


class Strided(nn.Module):
    """Scores at half the image's size, over one normalised convolution."""

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        x = nn.Conv(4, (3, 3), strides=2, name="trunk")(image)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9, name="norm")(x))
        return Output(logits=nn.Conv(3, (1, 1), name="head")(x))


class Linear(nn.Module):
    """One linear score a pixel, with batch normalisation and dropout if asked."""

    normalize: bool = False
    dropout: float = 0.0

    @nn.compact
    def __call__(self, maps: jax.Array, train: bool) -> Output:
        x = maps
        if self.normalize:
            x = nn.BatchNorm(use_running_average=not train, momentum=0.9, name="norm")(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return Output(logits=nn.Dense(1, name="classifier")(x))


class Patches(nn.Module):
    """Scores of patches at half the maps' size, batch-normalised."""

    @nn.compact
    def __call__(self, maps: jax.Array, train: bool) -> Output:
        x = nn.Conv(4, (4, 4), strides=2, padding=1, use_bias=False, name="conv")(maps)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9, name="norm")(x)
        return Output(logits=nn.Conv(1, (1, 1), name="classifier")(nn.leaky_relu(x, 0.2)))


def network(module: nn.Module) -> LinenNetwork:
    return LinenNetwork(3, Normalization(), module=module)


def adversary(module: nn.Module, channels: int = 3) -> MapNetwork:
    return MapNetwork(1, channels=channels, module=module)


def pixelwise(**fields: Any) -> AdversarialMethod:
    values = {"network": network(Heads()), "discriminator": adversary(Linear())} | FIELDS
    return AdversarialMethod(**(values | fields))


def single(**fields: Any) -> AdversarialMethod:
    """One level; the network is normalised, and it and the discriminator may have dropout."""
    only = {"objective": {"source": SOURCE}, "levels": {"main": LEVELS["main"]}}
    return pixelwise(**({"network": tiny.network(normalize=True)} | only | fields))


def batch(seed: int = 0, size: tuple[int, int] = (4, 5)) -> dict[str, dict[str, jax.Array]]:
    rng = np.random.default_rng(seed)

    def part() -> dict[str, np.ndarray]:
        label = rng.integers(0, 3, (2, *size)).astype(np.uint8)
        label[0, 0, :2] = 255
        image = rng.uniform(0, 255, (2, *size, 3)).astype(np.float32)
        return {"image": image, "label": label, "valid": rng.random((2, *size)) < 0.9}

    return jax.tree.map(jnp.asarray, {"source": part(), "target": part()})


def start(m: AdversarialMethod, phase: int = 0, seed: int = 0, size: tuple[int, int] = (4, 5)) -> Any:
    def build(seed: jax.Array) -> Any:
        return m.begin(m.init(seed, jnp.zeros((1, *size, 3))), phase)

    return jax.jit(build, compiler_options=QUICK)(jnp.int32(seed))


_step = jax.jit(AdversarialMethod.step, static_argnums=3, compiler_options=QUICK)


def advanced(m: AdversarialMethod, state: Any, given: Any, phase: int = 0) -> tuple[Any, Any]:
    return _step(m, state, given, phase)


def equal(one: Any, two: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, one, two)


def close(one: Any, two: Any, rtol: float = 2e-5, atol: float = 1e-6) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=atol), one, two)
