"""The adversarial method with convolutions and batch statistics, against flax and optax; and the methods' contract."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxseg.methods import SGD, WarmStart
from jaxseg.train import MeshShape
from tests import tiny
from tests.methods.adversaries import (
    ADVERSARY_RATE,
    DECAY,
    LEVELS,
    RATE,
    SOURCE,
    Linear,
    Patches,
    Strided,
    advanced,
    adversary,
    batch,
    close,
    network,
    single,
    start,
)
from tests.methods.contract import check_meshes, check_resumed


def test_a_step_of_convolutions_and_batch_statistics_equals_flax_and_optax() -> None:
    size = (8, 12)
    m = single(network=network(Strided()), discriminator=adversary(Patches()), maps="self_information")
    state, given = start(m, size=size), batch(5, size)
    found, metrics = advanced(m, state, given)
    params, stats = state.params, state.batch_stats
    images = {domain: (given[domain]["image"] - 127.5) / 127.5 for domain in given}
    judge, running = params["discriminators"]["main"], stats["discriminators"]["main"]

    def outputs(theta: Any) -> tuple[dict[str, jax.Array], Any]:
        large, after = {}, stats["network"]
        for domain in ("source", "target"):
            variables = {"params": theta, "batch_stats": after}
            out, changed = Strided().apply(variables, images[domain], train=True, mutable=["batch_stats"])
            large[domain] = jax.image.resize(out.logits, (2, *size, 3), "linear")
            after = changed["batch_stats"]
        return large, after

    def information(logits: jax.Array, domain: str) -> jax.Array:
        p = jax.nn.softmax(logits)
        return -p * jnp.log(p) / jnp.log(3.0) * given[domain]["valid"][..., None].astype(jnp.float32)

    def score(theta: Any, statistics: Any, maps: jax.Array) -> tuple[jax.Array, Any]:
        variables = {"params": theta, "batch_stats": statistics}
        out, changed = Patches().apply(variables, maps, train=True, mutable=["batch_stats"])
        assert out.logits.shape == (2, 4, 6, 1)
        return out.logits, changed["batch_stats"]

    def bce(scores: jax.Array, truth: float) -> jax.Array:
        return jnp.mean(optax.sigmoid_binary_cross_entropy(scores, jnp.float32(truth)))

    def deceive(theta: Any) -> jax.Array:
        large, _ = outputs(theta)
        label = given["source"]["label"].astype(jnp.int32)
        nll = -jnp.sum(jax.nn.log_softmax(large["source"]) * jax.nn.one_hot(label, 3), axis=-1)
        cross_entropy = jnp.sum(nll) / jnp.sum(label < 3).astype(
            jnp.float32
        )  # a void label has no one in its row
        scores, _ = score(judge, running, information(large["target"], "target"))
        return cross_entropy + LEVELS["main"].weight * bce(scores, 1.0)

    def tell(theta: Any, maps: Any) -> tuple[jax.Array, Any]:
        real, between = score(theta, running, maps["source"])
        fake, last = score(theta, between, maps["target"])
        return (bce(real, 1.0) + bce(fake, 0.0)) / 2, last

    @jax.jit
    def longhand() -> Any:
        large, after = outputs(params["network"])
        maps = {domain: information(logits, domain) for domain, logits in large.items()}
        told = jax.value_and_grad(tell, has_aux=True)(judge, maps)
        return jax.value_and_grad(deceive)(params["network"]), after, told

    (value, descent), after, ((judged, last), against) = longhand()
    assert np.isclose(metrics["loss"], value, rtol=1e-5)
    assert np.isclose(metrics["terms"]["discriminator_main"], judged, rtol=1e-5)
    close(found.batch_stats["network"], after)
    close(found.batch_stats["discriminators"]["main"], last)
    for module, own in params["network"].items():
        rate = 10 * RATE if module == "head" else RATE
        expected = jax.tree.map(lambda p, g, r=rate: p - r * (g + DECAY * p), own, descent[module])
        close(found.params["network"][module], expected, rtol=1e-4)
    # Adam's first step is the gradient's sign times the rate, but for its epsilon.
    expected = jax.tree.map(lambda p, g: p - ADVERSARY_RATE * g / (jnp.abs(g) + 1e-8), judge, against)
    assert all(float(jnp.abs(leaf).min()) > 1e-6 for leaf in jax.tree.leaves(against))
    close(found.params["discriminators"]["main"], expected, rtol=1e-4, atol=1e-5)


def test_it_resumes_in_either_phase(tmp_path: Path) -> None:
    method = single(
        network=tiny.network(normalize=True, dropout=0.2),
        discriminator=adversary(Linear(normalize=True, dropout=0.2)),
        warm_start=WarmStart(steps=1, objective={"source": SOURCE}, optimizer=SGD(learning_rate=0.1)),
        steps=2,
    )
    check_resumed(tmp_path, method, after=(1, 2))


@pytest.mark.slow
def test_many_devices_compute_what_one_computes(tmp_path: Path) -> None:
    method = single(
        network=tiny.network(normalize=True, dropout=0.2),
        discriminator=adversary(Patches()),
        steps=2,
        # SGD here too: Adam makes whole steps of gradients that are nothing but rounding.
        discriminator_optimizer=SGD(learning_rate=0.1),
    )
    check_meshes(tmp_path, method, meshes=(MeshShape(data=8), MeshShape(data=2, space=4)))
