"""Every network on every mesh: the loss, its gradient and the batch statistics are those of one device."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from jaxseg import losses, models
from jaxseg.models import Network
from jaxseg.models.generator import GeneratorNetwork
from jaxseg.train import MeshShape, mesh
from tests.models._fresh import QUICK, variables
from tests.train.meshes import ALL, FEW, ONE, RELATIVE, distance, doubled

BATCH, SIDE, VOID = 8, 32, 255


class Case(NamedTuple):
    """A network, the height and width of what it takes, and whether its scores are brought to that size."""

    build: Callable[[], Network]
    size: tuple[int, int] = (SIDE, SIDE // 2)
    upsampled: bool = True
    meshes: dict[str, MeshShape] = ALL


def maps(build: Callable[[], Network], size: tuple[int, int] = (SIDE, SIDE)) -> Case:
    return Case(build, size, upsampled=False)


def deep(build: Callable[[], Network]) -> Case:
    return Case(build, meshes=FEW)


CASES = {
    "fcn8s": deep(lambda: models.fcn8s(3, width=1 / 8)),
    "segnet": deep(lambda: models.segnet(3, width=1 / 8)),
    "enet": deep(lambda: models.enet(3, width=1 / 2)),
    "deeplab_v2": deep(lambda: models.deeplab_v2(3, depth=50, width=1 / 8, multi_level=True)),
    "deeplab_v3": deep(lambda: models.deeplab_v3(3, depth=50, width=1 / 8)),
    "deeplab_v3_plus": deep(lambda: models.deeplab_v3_plus(3, backbone="resnet50", width=1 / 8)),
    "deeplab_v3_plus_xception": deep(lambda: models.deeplab_v3_plus(3, width=1 / 16)),
    "compact": Case(lambda: models.compact(3, width=8, aux=True)),
    "unet": deep(lambda: models.unet_weights(3, width=8)),
    "patchgan": maps(lambda: models.patchgan(2, width=8)),
    "patchgan_batch": maps(lambda: models.patchgan(2, width=8, norm="batch")),
    "output_discriminator": maps(lambda: models.output_discriminator(3, width=8)),
    "lsd_discriminator": maps(lambda: models.lsd_discriminator(3, width=8), (SIDE, SIDE // 2)),
    "generator": maps(lambda: models.generator(3, embedding=(8,), strides=(4,), width=2, noise=1), (8, 4)),
}
KEYS = {"dropout": jax.random.key(0), "noise": jax.random.key(1)}


def scores(network: Network, output: Any, size: tuple[int, int]) -> list[Any]:
    heads = [head for head in (output.logits, output.aux) if head is not None]
    return [network.upsample(head, size) if size != head.shape[1:3] else head for head in heads]


def loss(network: Network, output: Any, label: Any) -> Any:
    """Means over the labelled pixels of all images."""
    total = jnp.zeros(())
    for weight, head in zip((1.0, 0.5), scores(network, output, label.shape[1:3]), strict=False):
        head = jnp.concatenate([head, -head], axis=-1) if head.shape[-1] == 1 else head
        known = losses.valid_pixels(label, head.shape[-1])
        total = total + weight * losses.mean(losses.softmax_cross_entropy(head, label), known)
    return total


class Given(NamedTuple):
    """What the program computes from: on the host."""

    variables: Any
    image: np.ndarray
    label: np.ndarray


def given(case: Case, network: Network) -> Given:
    rng = np.random.default_rng(0)
    channels = (
        network.embedding[0] if isinstance(network, GeneratorNetwork) else getattr(network, "channels", 3)
    )
    image = rng.standard_normal((BATCH, *case.size, channels))
    fresh = variables(network, jnp.asarray(image[:1]))
    output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=True, rngs=KEYS), fresh, image)
    height, width = case.size if case.upsampled else output.logits.shape[1:3]
    label = rng.integers(0, max(output.logits.shape[-1], 2), (BATCH, height, width)).astype(np.uint8)
    label[:2, : (height + 1) // 2] = VOID  # devices hold different numbers of labelled pixels
    label[5, :, width // 2 :] = VOID
    return Given(fresh, image, label)


def program(network: Network, sharded: bool) -> Callable[..., Any]:
    """Loss, gradient and batch statistics; split, the parameters are gathered and the gradient is split again."""

    def compute(v: Any, image: Any, label: Any) -> Any:
        whole = jax.lax.with_sharding_constraint(v, PartitionSpec()) if sharded else v

        def objective(params: Any) -> Any:
            output, after = network.apply({**whole, "params": params}, image, train=True, rngs=KEYS)
            return loss(network, output, label.astype(jnp.int32)), after

        found = jax.value_and_grad(objective, has_aux=True)(whole["params"])
        if not sharded:
            return found
        specs = mesh.state_specs(jax.sharding.get_abstract_mesh(), found)
        return jax.lax.with_sharding_constraint(found, specs)

    return compute


def computed(network: Network, shape: MeshShape, run: Given) -> dict[str, Any]:
    on = shape.build(BATCH)
    with jax.set_mesh(on):
        placed = jax.device_put(run.variables, mesh.state_shardings(on, shape.parameters, run.variables))
        batch = mesh.put_batch(on, {"source": {"image": run.image, "label": run.label}})["source"]
        compute = jax.jit(program(network, shape.parameters == "sharded"), compiler_options=QUICK)
        (value, after), gradient = jax.device_get(compute(placed, batch["image"], batch["label"]))
    return {"loss": value, "gradient": gradient, "statistics": after}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_network_computes_on_every_mesh_what_it_computes_on_one_device(name: str) -> None:
    case = CASES[name]
    with doubled():
        network = case.build()
        run = given(case, network)
        expected = computed(network, ONE, run)
        assert {leaf.dtype for leaf in jax.tree.leaves(expected)} == {np.dtype(np.float64)}
        for shown, shape in case.meshes.items():
            found = computed(network, shape, run)
            for part, wanted in expected.items():
                assert distance(wanted, found[part]) <= RELATIVE, (shown, part)
