"""Can a network learn at all? `python -m experiments.overfit` fits each on four drawn street scenes.

A network that cannot reach 95% of the pixels of four images it is shown again and again has a fault, or a learning rate
that does not suit it: look here before a long training. The images are `streets` (synthetic), 64x128, and 128x256 for
networks whose logits are at stride 8: at 64x128 these cannot draw what is one or two pixels wide, and end at 91 to 93%.
Loss is cross entropy, the optimiser Adam at a constant rate; accuracy is that of the network as it predicts, with
running statistics. Widths are small, so that two cores do it in minutes.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments._command import parse_all, run
from experiments.benchmark import machine
from jaxseg import losses, models
from jaxseg.data import Streets
from jaxseg.errors import InputError
from jaxseg.methods import Adam, Constant, ObjectiveMethod, Term
from jaxseg.models import Network

IMAGES, CLASSES, AIM = 4, 19, 0.95
SMALL, LARGE = (64, 128), (128, 256)

NETWORKS: Mapping[str, tuple[Callable[[], Network], float, tuple[int, int]]] = {
    "compact": (lambda: models.compact(CLASSES, width=16), 4e-3, SMALL),
    "enet": (lambda: models.enet(CLASSES), 3e-3, SMALL),
    "enet_port": (lambda: models.enet(CLASSES, variant="port"), 3e-3, SMALL),
    "segnet": (lambda: models.segnet(CLASSES, width=0.25), 3e-3, SMALL),
    "fcn8s": (lambda: models.fcn8s(CLASSES, trunk="vgg16_bn", width=0.125, dropout=0.0), 1e-3, LARGE),
    "deeplab_v2": (lambda: models.deeplab_v2(CLASSES, depth=50, width=0.25), 1e-3, LARGE),
    "deeplab_v3": (
        lambda: models.deeplab_v3(CLASSES, depth=50, width=0.25, output_stride=8, momentum=0.9),
        3e-3,
        LARGE,
    ),
    "deeplab_v3_plus": (
        lambda: models.deeplab_v3_plus(CLASSES, backbone="resnet50", width=0.25, momentum=0.9),
        1e-3,
        LARGE,
    ),
}
"""Networks by name, at widths for a CPU, their learning rates and image sizes (ours)."""


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Fit networks on four images."""

    only: tuple[str, ...] = ()
    """Networks to fit; all by default."""
    steps: int = 600
    """Steps at most."""
    out: Path | None = None
    """Write the figures as JSON to this file as well."""


def main(arguments: Sequence[str]) -> int:
    """Fits the networks and prints a line for each; the status is 1 if one misses the aim."""
    own = parse_all(Arguments, arguments, "experiments.overfit")
    strange = [name for name in own.only if name not in NETWORKS]
    if strange:
        raise InputError(f"only: {strange[0]!r} is not known; use {', '.join(NETWORKS)}")
    if own.steps < 1:
        raise InputError(f"steps: {own.steps}; at least 1")
    rows: dict[str, Any] = {}
    for name in own.only or NETWORKS:
        make, rate, size = NETWORKS[name]
        rows[name] = {"size": size, **fit(make(), rate, *examples(size), own.steps)}
        print(f"{name}: {describe(rows[name])}", flush=True)
        machine.write(own.out, {"machine": machine.facts(), "networks": rows})
    return 0 if all(row["accuracy"] >= AIM for row in rows.values()) else 1


def examples(size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
    """The four images [B, H, W, 3], 0..255, and their labels."""
    source = Streets(domain="synthetic", size=size, images=(IMAGES, 1, 1)).source("train")
    shown = [source[index] for index in range(IMAGES)]
    image = jnp.asarray(np.stack([example["image"] for example in shown]), jnp.float32)
    return image, jnp.asarray(np.stack([example["label"] for example in shown]))


def fit(network: Network, rate: float, image: jax.Array, label: jax.Array, steps: int) -> dict[str, Any]:
    """Trains until the aim is reached or the steps are used up, looking every 25 steps."""
    method = ObjectiveMethod(
        network=network,
        objective={"source": Term(losses.SoftmaxCrossEntropy())},
        steps=steps,
        optimizer=Adam(learning_rate=rate, schedule=Constant()),
    )
    batch = {"source": {"image": image, "label": label, "valid": jnp.ones(label.shape, bool)}}
    state = method.begin(jax.jit(method.init)(jnp.int32(0), image), 0)
    step = jax.jit(lambda state: method.step(state, batch, 0), donate_argnums=0)

    @jax.jit
    def accuracy(variables: Any) -> jax.Array:
        logits = network.apply(variables, network.normalization(image), train=False)[0].logits
        predicted = jnp.argmax(network.upsample(logits, (label.shape[1], label.shape[2])), axis=-1)
        known = label < CLASSES
        return jnp.sum((predicted == label.astype(predicted.dtype)) & known) / jnp.sum(known)

    began, share, taken = time.monotonic(), 0.0, 0
    metrics: Mapping[str, Any] = {}
    while taken < steps and share < AIM:
        state, metrics = step(state)
        taken += 1
        if taken % 25 == 0 or taken == steps:
            share = float(accuracy(method.variables(state)))
    return {
        "accuracy": round(share, 4),
        "loss": round(float(metrics["loss"]), 4),
        "steps": taken,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
        "learning_rate": rate,
        "seconds": round(time.monotonic() - began, 1),
    }


def describe(row: Mapping[str, Any]) -> str:
    """One line of a result."""
    return (
        f"{100 * row['accuracy']:.1f}% of the pixels after {row['steps']} steps ({row['seconds']:.0f} s, "
        f"{row['parameters']:,} parameters, loss {row['loss']:.3f})"
    )


if __name__ == "__main__":
    run(main)
