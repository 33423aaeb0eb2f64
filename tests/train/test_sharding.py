"""Split parameters, microbatches and precision: the numbers of one device and of a whole batch, in less memory."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses, models
from jaxseg.errors import InputError
from jaxseg.methods import SGD, Adam, ObjectiveMethod, Term
from jaxseg.models import LinenNetwork, layers, with_precision
from jaxseg.train import Experiment, MeshShape, RunFolder, _program, check, train
from jaxseg.train._compiled import exchanges, footprint
from jaxseg.train._microbatches import Microbatched, microbatched
from tests.tiny import Blocks, network


class Small(nn.Module):
    """Two convolutions, the first with a kernel large enough to be split."""

    normalize: bool = True

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> jax.Array:
        x = layers.Conv(64, (3, 3), name="wide")(image)
        if self.normalize:
            x = layers.BatchNorm(name="bn")(x, train=train)
        return layers.Conv(3, (3, 3), name="head")(nn.relu(x))


def small(**fields: Any) -> LinenNetwork:
    return LinenNetwork(classes=3, module=Small(**fields))


def trained(folder: Path, net: LinenNetwork, **fields: Any) -> tuple[Any, RunFolder, str]:
    """The state after three steps, the run folder, and what was said."""
    values: dict[str, Any] = {
        "name": "sharding",
        "data": Blocks(),
        "method": ObjectiveMethod(
            network=net,
            objective={"source": Term(losses.SoftmaxCrossEntropy())},
            steps=3,
            optimizer=SGD(learning_rate=0.1),
        ),
        "batch": 8,
        "mesh": MeshShape(data=1),
    }
    experiment = Experiment(**(values | fields))
    config = folder.parent / f"{folder.name}.py"
    config.write_text("")
    run, out = RunFolder(folder), io.StringIO()
    run.open(experiment, config, [])
    return train(experiment, run, stream=out), run, out.getvalue()


def close(a: Any, b: Any) -> None:
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-6)


def test_split_parameters_and_optimizer_compute_what_one_device_computes(tmp_path: Path) -> None:
    expected, _, alone = trained(tmp_path / "one", small())
    assert "each device" in alone
    assert "exchanged a step: nothing" in alone
    mesh = MeshShape(data=2, space=4, parameters="sharded")
    state, run, said = trained(tmp_path / "split", small(), mesh=mesh)
    close(expected, state)
    kernel = state.params["wide"]["kernel"]
    assert kernel.shape == (3, 3, 3, 64)
    for split in (kernel, *(leaf for leaf in jax.tree.leaves(state.opt_state) if leaf.shape == kernel.shape)):
        assert split.addressable_shards[0].data.shape == (3, 3, 3, 8)
    assert state.params["head"]["kernel"].addressable_shards[0].data.shape == (3, 3, 8, 3)
    assert "all-reduce" in said
    moved, _, _ = trained(run.path, small())  # what is split is restored whole
    assert moved.params["wide"]["kernel"].sharding.is_fully_replicated
    jax.tree.map(np.testing.assert_array_equal, state, moved)


def test_microbatches_of_a_network_without_batch_norm_give_the_gradient_of_the_whole_batch(
    tmp_path: Path,
) -> None:
    """Parts hold different numbers of void pixels, so averaging their losses would be wrong."""
    whole, run, _ = trained(tmp_path / "whole", small(normalize=False))
    parts, split, _ = trained(
        tmp_path / "parts", small(normalize=False), accumulate=4, mesh=MeshShape(data=2, space=4)
    )
    close(whole, parts)
    logged = [
        [json.loads(line)["gradient_norm"] for line in folder.metrics.read_text().splitlines()]
        for folder in (run, split)
    ]
    np.testing.assert_allclose(*logged, rtol=1e-5)


@pytest.mark.parametrize("unrolled", [True, False])
def test_batch_norm_sees_each_part_alone_and_its_statistics_take_them_in_turn(unrolled: bool) -> None:
    inner = network(normalize=True)
    image = jnp.asarray(np.random.default_rng(0).normal(size=(4, 2, 3, 3)), jnp.float32)
    variables = inner.init(jax.random.key(0), image)
    split = dataclasses.replace(microbatched(inner, 2), unrolled=unrolled)
    assert isinstance(split, Microbatched)
    output, after = split.apply(variables, image, train=True)
    expected, stats = np.zeros(output.logits.shape), variables["batch_stats"]
    for rows in ([0, 2], [1, 3]):
        own = {"params": variables["params"], "batch_stats": stats}
        part, stats = inner.apply(own, image[np.array(rows)], train=True)
        expected[rows] = part.logits
    np.testing.assert_allclose(output.logits, expected, rtol=1e-5, atol=1e-6)
    close(stats, after)


def test_parts_that_do_not_divide_are_told() -> None:
    method = ObjectiveMethod(network(), {"source": Term(losses.SoftmaxCrossEntropy())}, steps=1)
    with pytest.raises(InputError, match=r"accumulate: 3 parts of a batch of 8"):
        check(Experiment("a", Blocks(), method, accumulate=3, mesh=MeshShape(data=1)))
    with pytest.raises(
        InputError, match=r"accumulate: a batch of 8 does not divide into 4 parts on 4 devices"
    ):
        check(Experiment("a", Blocks(), method, accumulate=4, mesh=MeshShape(data=4)))


@pytest.mark.parametrize("mesh", [MeshShape(data=1, space=8), MeshShape(data=8)])
def test_eight_devices_need_a_sixth_of_the_memory_and_gather_no_activation(mesh: MeshShape) -> None:
    def compiled(shape: MeshShape) -> Any:
        method = ObjectiveMethod(
            small(), {"source": Term(losses.SoftmaxCrossEntropy())}, steps=1, optimizer=Adam()
        )
        part = {
            "image": jax.ShapeDtypeStruct((8, 128, 64, 3), jnp.uint8),
            "label": jax.ShapeDtypeStruct((8, 128, 64), jnp.uint8),
        }
        with jax.set_mesh(shape.build(8)):
            state = jax.eval_shape(
                lambda: method.begin(method.init(jnp.int32(0), jnp.zeros((1, 128, 64, 3))), 0)
            )
            return _program.step.lower(method, {}, None, state, {"source": part}, 0).compile()

    one, many = compiled(MeshShape(data=1)), compiled(mesh)
    before, after = footprint(one), footprint(many, 8)
    assert before is not None
    assert after is not None
    assert before.temporary > 6 * after.temporary
    found = exchanges(many.as_text())
    assert "all-gather" not in found
    assert "all-to-all" not in found
    assert found["all-reduce"].operations > 0


@pytest.mark.parametrize(
    "build",
    [models.compact, models.enet, models.segnet, models.fcn8s, models.deeplab_v2, models.deeplab_v3],
)
def test_a_precision_given_later_is_the_one_given_at_first(build: Any) -> None:
    assert with_precision(build(5), "bfloat16") == build(5, dtype=jnp.bfloat16)
    assert with_precision(build(5), "bfloat16") != build(5)


def test_the_precision_of_an_experiment_reaches_its_network() -> None:
    method = ObjectiveMethod(models.compact(3), {"source": Term(losses.SoftmaxCrossEntropy())}, steps=1)
    experiment = Experiment("a", Blocks(), method, precision="bfloat16")
    net = experiment.method.network
    image = jnp.zeros((1, 16, 16, 3))
    variables = jax.eval_shape(lambda: net.init(jax.random.key(0), image))
    program = str(jax.make_jaxpr(lambda v: net.apply(v, image, train=False)[0].logits)(variables))
    assert "bf16" in program
    assert (
        jax.eval_shape(lambda v: net.apply(v, image, train=False)[0].logits, variables).dtype == jnp.float32
    )
    with pytest.raises(InputError, match="no field dtype"):
        with_precision(network(), "bfloat16")
