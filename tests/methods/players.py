"""Tiny encoders, generators and discriminators, all linear at every pixel, and the game over them."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxseg import losses
from jaxseg.methods import SGD, Adam, ConservativeGAN, GameWeights, Groups, Poly, Term
from jaxseg.models import GeneratorNetwork, LinenNetwork, MapNetwork, Normalization, Output
from tests.models._fresh import QUICK

SOURCE = Term(losses.Conservative(), weight=0.4)
STEPS, RATE, DECAY, HEAD = 4, 0.01, 0.02, 3.0
WEIGHTS = GameWeights(discriminator=0.8, generator=0.7, reconstruction=1.5, encoder=0.6)


class Encoder(nn.Module):
    """Features linear in the normalised pixel, and linear scores of them."""

    dropout: float = 0.0
    normalize: bool = True

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        x = image
        if self.normalize:
            x = nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5, name="norm")(x)
        x = nn.Dense(4, name="trunk")(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return Output(logits=nn.Dense(3, name="head")(x), features=x)


class Painter(nn.Module):
    """A linear colour a pixel, of the first map of an embedding."""

    dropout: float = 0.0

    @nn.compact
    def __call__(self, embedding: tuple[jax.Array, ...], train: bool) -> Output:
        x = nn.Dropout(self.dropout, deterministic=not train)(embedding[0])
        return Output(logits=nn.Dense(3, name="paint")(x))


class Judge(nn.Module):
    """Linear scores a pixel; with classes, also class maps of every second pixel's, the fourth of the size."""

    scores: int = 2
    classes: int = 0
    normalize: bool = False
    dropout: float = 0.0

    @nn.compact
    def __call__(self, maps: jax.Array, train: bool) -> Output:
        x = maps
        if self.normalize:
            x = nn.BatchNorm(use_running_average=not train, momentum=0.9, name="norm")(x)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        aux = nn.Dense(self.classes, name="classes")(x[:, 1::2, 1::2]) if self.classes else None
        return Output(logits=nn.Dense(self.scores, name="kinds")(x), aux=aux)


def network(module: nn.Module) -> LinenNetwork:
    return LinenNetwork(3, Normalization(), module=module)


def painter(module: nn.Module, channels: int = 4) -> GeneratorNetwork:
    return GeneratorNetwork(3, embedding=(channels,), module=module)


def judge(module: Judge, **fields: Any) -> MapNetwork:
    return MapNetwork(module.scores, **({"channels": 3} | fields), module=module)


def game(**fields: Any) -> ConservativeGAN:
    values: dict[str, Any] = {
        "network": network(Encoder()),
        "generator": painter(Painter()),
        "discriminator": judge(Judge()),
        "objective": {"source": SOURCE},
        "steps": STEPS,
        "weights": WEIGHTS,
        "noise": 0.0,
        "optimizer": SGD(learning_rate=RATE, weight_decay=DECAY, groups=Groups(head=HEAD)),
        "generator_optimizer": Adam(learning_rate=0.02, b1=0.7, b2=0.99),
        "discriminator_optimizer": Adam(learning_rate=0.03, b1=0.5, b2=0.9, schedule=Poly(power=2.0)),
    }
    return ConservativeGAN(**(values | fields))


def start(m: ConservativeGAN, phase: int = 0, size: tuple[int, int] = (4, 6)) -> Any:
    def build(seed: jax.Array) -> Any:
        return m.begin(m.init(seed, jnp.zeros((1, *size, 3))), phase)

    return jax.jit(build, compiler_options=QUICK)(jnp.int32(0))


_step = jax.jit(ConservativeGAN.step, static_argnums=3, compiler_options=QUICK)


def advanced(m: ConservativeGAN, state: Any, given: Any, phase: int = 0) -> tuple[Any, Any]:
    return _step(m, state, given, phase)
